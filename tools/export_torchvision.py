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
    """The model in evaluation mode, its class names (or none), its preprocessing."""
    import torchvision

    names = torchvision.models.list_models() if hasattr(torchvision.models, "list_models") else dir(torchvision.models)
    if name in names:
        weights = None if random_weights else torchvision.models.get_weight(
            torchvision.models.get_model_weights(name).DEFAULT.__str__())
        extra = {"num_classes": classes} if random_weights and classes else {}
        if name in ("inception_v3", "googlenet") and random_weights:
            extra.update(aux_logits=False, init_weights=False)
        model = torchvision.models.get_model(name, weights=weights, **extra)
        size, short, labels = 224, 256, None
        if weights is not None:
            transform = weights.transforms()
            size, short = transform.crop_size[0], transform.resize_size[0]
            labels = weights.meta["categories"]
        elif name == "inception_v3":
            size, short = 299, 342
        return model.eval(), labels, size, short
    try:
        import timm
    except ImportError:
        sys.exit(f'"{name}" is not a torchvision model, and timm is not installed')
    model = timm.create_model(name, pretrained=not random_weights, exportable=True)
    size = model.default_cfg["input_size"][-1]
    IMAGENET.update(mean=list(model.default_cfg["mean"]), std=list(model.default_cfg["std"]))
    return model.eval(), None, size, int(size / model.default_cfg.get("crop_pct", 0.875))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--random-weights", action="store_true", help="for benchmarks; needs no download")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--opset", type=int, default=13)
    parser.add_argument("--size", type=int, help="input size; default: the model's")
    parser.add_argument("--classes", type=int, help="number of classes, with --random-weights")
    parser.add_argument("--check", action="store_true", help="write an input and torch's output beside the model")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    model, labels, size, short = load(arguments.name, arguments.random_weights, arguments.classes)
    if arguments.size:
        short, size = round(short * arguments.size / size), arguments.size
    if arguments.random_weights:
        # Statistics of a real network are not 0 and 1; with those, folding would change nothing.
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        # Heads that start at zero (vision transformers) would answer the same to everything.
        for parameter in model.parameters():
            if parameter.dim() > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.name}.onnx"
    x = torch.randn(1, 3, size, size)
    # In evaluation mode the exporter would merge batch norm into convolutions: PRESERVE keeps it.
    torch.onnx.export(
        model, x, str(path), opset_version=arguments.opset, input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    sidecar = {"output": "single-label",
               "preprocessing": {"size": [size, size], "resize": "short-side", "short_side": short,
                                 "channel_order": "rgb", "scale": 1, **IMAGENET}}
    if labels:
        sidecar["labels"] = labels
    path.with_suffix(".limn.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    if arguments.check:
        import numpy

        with torch.no_grad():
            numpy.save(path.with_suffix(".expected.npy"), model(x).numpy())
        numpy.save(path.with_suffix(".input.npy"), x.numpy())
    print(path)


if __name__ == "__main__":
    main()
