// The example of the README: explain one picture and write the heat map over it.
#include <limn/limn.h>

#include <iostream>

int main(int, char** argv) {
  const limn::Model model = limn::load_model(argv[1]);
  const auto input =
      limn::preprocess(limn::read_picture(argv[2]), model.preprocessing(), model.input_shape());
  const auto method = limn::make_method("lrp(composite=epsilon-plus)");
  const limn::Explanation why = method->explain(model, input.x, limn::Target::top1());
  std::cout << why.target << ": " << why.score.item<float>() << ", gap " << why.gap.item<double>()
            << "\n";
  limn::write_npy(argv[3], limn::to_original(why.map()[0], input.geometry));
}
