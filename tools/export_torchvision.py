#!/usr/bin/python3
"""Exports a torchvision or timm model to ONNX for limn, batch norm kept as nodes.

    tools/export_torchvision.py resnet50 --out models            # trained weights
    tools/export_torchvision.py vgg16 --random-weights --out zoo  # for benchmarks

Writes NAME.onnx (input `input` [batch,3,H,W], output `logits`) and NAME.limn.json.
With --check also NAME.input.npy and NAME.expected.npy: one input and what torch makes of it.
"""
import argparse
import json
import pathlib
import sys

import torch

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def load(name, random_weights, classes):
    """The model in evaluation mode, and its input size, short side, mean, std and labels."""
    import torchvision

    if name in torchvision.models.list_models(module=torchvision.models):
        if not random_weights:
            weights = torchvision.models.get_model_weights(name).DEFAULT
            transform = weights.transforms()
            return torchvision.models.get_model(name, weights=weights).eval(), {
                "size": transform.crop_size[0], "short_side": transform.resize_size[0],
                "mean": transform.mean, "std": transform.std, "labels": weights.meta["categories"]}
        extra = {"num_classes": classes} if classes else {}
        if name in ("inception_v3", "googlenet"):
            extra.update(aux_logits=False, init_weights=False)
        size, short_side = (299, 342) if name == "inception_v3" else (224, 256)
        return torchvision.models.get_model(name, weights=None, **extra).eval(), {
            "size": size, "short_side": short_side, **IMAGENET}
    try:
        import timm
    except ImportError:
        sys.exit(f'"{name}" is not a torchvision classifier, and timm is not installed')
    extra = {"num_classes": classes} if random_weights and classes else {}
    model = timm.create_model(name, pretrained=not random_weights, exportable=True, **extra).eval()
    size = model.default_cfg["input_size"][-1]
    return model, {"size": size, "short_side": int(size / model.default_cfg.get("crop_pct", 0.875)),
                   "mean": model.default_cfg["mean"], "std": model.default_cfg["std"]}


def settle_batch_norms(model, size):
    """Gives batch norms the statistics of noise: with 0 and 1, deep nets forget their input."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [module.momentum for module in norms]
    for module in norms:
        module.train()
        module.momentum = 1.0
    if norms:
        with torch.no_grad():
            model(torch.randn(8, 3, size, size))
    for module, momentum in zip(norms, momenta):
        module.eval()
        module.momentum = momentum
        # A channel that is almost silent in this noise must not blow up in another.
        module.running_var.clamp_(min=0.1 * float(module.running_var.mean()))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--random-weights", action="store_true",
                        help="for benchmarks; needs no download")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--opset", type=int, default=13)
    parser.add_argument("--size", type=int, help="input size; default: the model's")
    parser.add_argument("--classes", type=int, help="number of classes, with --random-weights")
    parser.add_argument("--check", action="store_true",
                        help="write an input and torch's output beside the model")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    model, facts = load(arguments.name, arguments.random_weights, arguments.classes)
    size = arguments.size or facts["size"]
    short_side = round(facts["short_side"] * size / facts["size"])
    if arguments.random_weights:
        settle_batch_norms(model, size)
        # Heads that start at zero (vision transformers) would answer the same to everything.
        for parameter in model.parameters():
            if parameter.dim() > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.name}.onnx"
    x = torch.randn(1, 3, size, size)
    # In evaluation mode the exporter would merge batch norm into convolutions: PRESERVE keeps it.
    torch.onnx.export(
        model, x, str(path), opset_version=arguments.opset,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    sidecar = {"output": "single-label",
               "preprocessing": {"size": [size, size], "resize": "short-side",
                                 "short_side": short_side, "mean": list(facts["mean"]),
                                 "std": list(facts["std"]), "channel_order": "rgb", "scale": 1}}
    if "labels" in facts:
        sidecar["labels"] = facts["labels"]
    path.with_suffix(".limn.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    if arguments.check:
        import numpy

        with torch.no_grad():
            numpy.save(path.with_suffix(".expected.npy"), model(x).numpy())
        numpy.save(path.with_suffix(".input.npy"), x.numpy())
    print(path)


if __name__ == "__main__":
    main()
