"""Time the released CMOS code and ours with the same weights, in one run on an idle machine.

    git clone https://github.com/ByChelsea/CMOS
    python benchmarks/against_released.py CMOS -o benchmarks/results/against_released.md

The forms take turns within each repeat, outputs and gradients are compared first, and the table
gives the ratio of the fastest repeats to the released code in float32. The run ends without a
table if other processes use more than a tenth of the cores, before or during it.

On a GPU the released code takes a turn in bfloat16 too, cuDNN chooses the fastest of its ways for
both, and --compile adds ours behind torch.compile, which takes a minute or more for each table.
"""

import argparse
import copy
import datetime
import gc
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import torch
from hardware import MOST_LOAD, processor, require_idle
from released_cmos import CLASSES, SCALE, networks
from torch.nn.functional import cross_entropy, l1_loss

from blindsr.callbacks.cuda_graphs.forward import RecordedForward
from blindsr.callbacks.cuda_graphs.recording import record
from blindsr.errors import BlindSRError
from blindsr.imaging.files import atomic_path
from blindsr.losses import blur_semantic_losses
from blindsr.networks import accelerate
from blindsr.networks.cmos import IMAGENET_MEAN, IMAGENET_STD
from blindsr.tasks.adam import adam
from blindsr.types import Estimate

LOSS_WEIGHTS = {"blur": 1.0, "seg": 1.0, "aux_blur": 0.5, "aux_seg": 0.5}
LEARNING_RATE = 1e-4
RELEASED_BATCH = 8
"""Of the released first stage, on LR of 120x160."""
COMPARED = (8, (64, 96))
"""Pictures and LR size that gradients are compared on: float64 takes much memory.

The batch norms of pooled vectors see one value for each picture: of two they make +-1, whatever
lies between them, and which is which may hang on rounding.
"""


def inputs(batch, size, device):
    random = torch.Generator().manual_seed(0)
    lr = torch.rand(batch, 3, *size, generator=random)
    hr = [SCALE * side for side in size]
    blur = 5 * torch.rand(batch, 1, *hr, generator=random)
    seg = torch.randint(CLASSES, (batch, *hr), generator=random)
    return lr.to(device), blur.to(device), seg.to(device)


def maps(output):
    """Blur, class logits and their auxiliary maps of either form."""
    if isinstance(output, Estimate):
        return output.blur, output.seg_logits, output.aux_blur, output.aux_seg_logits
    _, blur, seg, aux_blur, aux_seg = output
    return blur, seg, aux_blur, aux_seg


class Form:
    """A network in one form: how it is called, in which layout and precision."""

    def __init__(
        self,
        name,
        network,
        call,
        *,
        channels_last=False,
        half=False,
        training=False,
        compiled=False,
        graphs=False,
    ):
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.name, self.call, self.half = name, call, half
        self.network = network.train(training).to(memory_format=layout)
        if compiled:
            self.network.compile(dynamic=False)  # at its first call
        if graphs:
            RecordedForward(self.network, record).install()
        self.layout = layout
        # the released training takes torch's Adam, ours its own choice
        make = torch.optim.Adam if name.startswith("released") else adam
        self.optimizer = make(network.parameters(), lr=LEARNING_RATE) if training else None

    def output(self, lr, blur, seg):
        """What the network gives, with gradient."""
        lr = lr.contiguous(memory_format=self.layout)
        with torch.autocast(lr.device.type, torch.bfloat16, enabled=self.half):
            return self.call(self.network, lr, blur, seg)

    def forward(self, lr, blur, seg):
        """What the network gives."""
        with torch.no_grad():
            return self.output(lr, blur, seg)

    def loss(self, lr, blur, seg):
        """Of the first stage: both maps and the auxiliary ones."""
        found = self.output(lr, blur, seg)
        if isinstance(found, Estimate):
            losses = blur_semantic_losses(found, blur, seg)
            return sum(LOSS_WEIGHTS[name] * one for name, one in losses.items())
        total = 0.0
        for name, one in zip(LOSS_WEIGHTS, maps(found), strict=True):
            classes = name.endswith("seg")
            loss = cross_entropy(one, seg) if classes else l1_loss(one, blur)
            total = total + LOSS_WEIGHTS[name] * loss
        return total

    def step(self, lr, blur, seg):
        """One training step."""
        self.optimizer.zero_grad()
        self.loss(lr, blur, seg).backward()
        self.optimizer.step()

    def gradients(self, *sample):
        """All gradients of one step, in the order of the parameters' names."""
        self.network.zero_grad()
        self.loss(*sample).backward()
        named = {n.removeprefix("cmos."): p for n, p in self.network.named_parameters()}
        found = torch.cat([named[n].grad.flatten() for n in sorted(named)])
        self.network.zero_grad()
        return found


def released_maps(network, lr, *_):
    return network(lr, None, None)


def released_sr(network, lr, blur, seg):
    return network(lr, blur, seg[:, None].to(lr.dtype))[0]


def maps_of_lr(network, lr, *_):
    return network(lr)


def maps_to_learn(network, lr, *_):
    return network(lr, enlarge_classes=False)


def sr_of_maps(network, lr, blur, seg):
    return network(lr, blur, seg)


def sr_of_lr(network, lr, *_):
    found = network(lr)
    return found[0] if isinstance(found, tuple) else found


CASES = (
    ("CMOS, forward", "CMOS", "forward", released_maps, maps_of_lr),
    ("RRDB-SFT, forward", "RRDB-SFT", "forward", released_sr, sr_of_maps),
    ("Whole pipeline, forward", "blind", "forward", sr_of_lr, sr_of_lr),
    ("CMOS, training step", "CMOS", "step", released_maps, maps_to_learn),
)
"""Title, networks, what is timed, and how the released and our network are called."""


def forms_of(case, folder, device, compiled):
    """The released forms of a case first, then ours."""
    _, name, action, released_call, call = case
    torch.manual_seed(0)
    released, ours = (one.to(device).eval() for one in networks(folder, name))
    training = action == "step"
    faster = ours if training else accelerate(ours)
    how = "channels last" if training else "`accelerate`"
    last = {"channels_last": True, "training": training}
    forms = [Form("released, float32", released, released_call, training=training)]
    if device.type == "cuda":
        again = copy.deepcopy(released)
        forms.append(Form("released, bfloat16", again, released_call, half=True, training=training))
    forms += [
        Form("ours, float32", copy.deepcopy(ours), call, training=training),
        Form(f"ours, float32, {how}", copy.deepcopy(faster), call, **last),
        Form("ours, bfloat16", copy.deepcopy(ours), call, half=True, training=training),
        Form(f"ours, bfloat16, {how}", copy.deepcopy(faster), call, half=True, **last),
    ]
    if training and device.type == "cuda":
        for half in (False, True):
            kind = "bfloat16" if half else "float32"
            options = {"half": half, "graphs": True}
            title = f"ours, {kind}, CUDA graphs"
            forms.append(Form(title, copy.deepcopy(ours), call, training=True, **options))
            title = f"ours, {kind}, {how}, CUDA graphs"
            forms.append(Form(title, copy.deepcopy(ours), call, **last, **options))
    if compiled:
        title = f"ours, bfloat16, {how}, compiled"
        forms.append(Form(title, faster, call, half=True, compiled=True, **last))
    return forms


def differences(forms, action, sample):
    """Largest difference of outputs over the largest output of the first form.

    Of a training step: norm of the error of its gradients over their norm, which a float64 copy of
    our network knows.
    """
    if action == "step":
        lr, blur, seg = compared_on(sample)
        # to try all ways of float64 takes cuDNN a minute
        torch.backends.cudnn.benchmark = False
        (ours,) = (form.network for form in forms if form.name == "ours, float32")
        exact = Form("", copy.deepcopy(ours).double(), maps_to_learn, training=True)
        right = exact.gradients(lr.double(), blur.double(), seg)
        torch.backends.cudnn.benchmark = True
        found = (form.gradients(lr, blur, seg).double() for form in forms)
        return [((one - right).norm() / right.norm()).item() for one in found]
    found = []
    for form in forms:
        output = form.forward(*sample)
        found.append((output if torch.is_tensor(output) else maps(output)[0]).float())
    first = found[0]
    return [((one - first).abs().max() / first.abs().max()).item() for one in found]


def compared_on(sample):
    """What gradients are compared on: on a GPU, which has the memory, what is timed."""
    if sample[0].device.type == "cuda":
        return sample
    return inputs(*COMPARED, sample[0].device)


def gradient_difference(forms, sample):
    """Norm of the difference of the gradients of two forms over that of the first."""
    first, second = (form.gradients(*sample) for form in forms)
    return ((second - first).norm() / first.norm()).item()


def exact_difference(folder, size=(64, 96)):
    """Relative difference of the gradients of CMOS in float64, on the CPU.

    The released code makes its sampling grid in the default type and takes the exact mean of
    ImageNet, where our buffers hold float32: both are made alike, for a random CMOS multiplies
    1e-8 by more than 100,000.
    """
    torch.manual_seed(0)
    theirs, ours = (one.double() for one in networks(folder, "CMOS"))
    ours.mean, ours.std = (
        torch.tensor(one, dtype=torch.float64).view(1, 3, 1, 1)
        for one in (IMAGENET_MEAN, IMAGENET_STD)
    )
    forms = [
        Form("", theirs, released_maps, training=True),
        Form("", ours, maps_of_lr, training=True),
    ]
    lr, blur, seg = inputs(2, size, torch.device("cpu"))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return gradient_difference(forms, (lr.double(), blur.double(), seg))
    finally:
        torch.set_default_dtype(before)


def measured(forms, action, sample, repeats):
    """Fastest time of each form in seconds."""
    seconds = [[] for _ in forms]
    cuda = sample[0].device.type == "cuda"
    for repeat in range(repeats + 1):  # the first warms up
        for form, times in zip(forms, seconds, strict=True):
            start = time.perf_counter()
            getattr(form, action)(*sample)
            if cuda:
                torch.cuda.synchronize()
            if repeat:
                times.append(time.perf_counter() - start)
    return [min(times) for times in seconds]


def table(title, forms, seconds, difference, action):
    compared = "gradients off float64" if action == "step" else "outputs differ by"
    lines = [
        f"### {title}",
        "",
        f"| form | ms | times faster | {compared} |",
        "|---|---|---|---|",
    ]
    for form, time_, off in zip(forms, seconds, difference, strict=True):
        ms = f"{1000 * time_:.0f}" if time_ > 0.1 else f"{1000 * time_:.1f}"
        lines.append(f"| {form.name} | {ms} | {seconds[0] / time_:.2f} | {off:.1e} |")
    return "\n".join(lines)


def header(arguments, device, loads, exact, compared):
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else processor()
    rows, columns = arguments.size
    number, size = len(compared[0]), "x".join(map(str, compared[0].shape[2:]))
    words = "".join(f" {shlex.quote(word)}" for word in sys.argv[2:])
    return "\n".join(
        [
            "# CMOS: the released code and ours",
            "",
            f"- date: {datetime.datetime.now(datetime.UTC).date().isoformat()}",
            f"- hardware: {hardware}, {torch.backends.cpu.get_cpu_capability()}, "
            f"{os.cpu_count()} cores; use by others before and between the tables at most "
            f"{max(loads):.0%} (refused above {MOST_LOAD:.0%})",
            f"- torch {torch.__version__}, Python {platform.python_version()}",
            f"- LR {rows}x{columns}, batch {arguments.batch}, of a training step "
            f"{arguments.training_batch} (the released options: 120x160, {RELEASED_BATCH}), "
            f"{CLASSES} classes, fastest of {arguments.repeats} repeats in which the forms take "
            "turns; random weights, the same. Such a CMOS multiplies rounding by a large factor "
            "(docs/methods/cmos.md): what bfloat16 changes says nothing of a trained network",
            "- outputs: largest difference over the largest value; gradients: norm of their error "
            f"against float64 over their norm, {number} pictures of LR {size}; released and ours "
            f"in float64, constants alike, differ by {exact:.1e}",
            f"- command: `python benchmarks/against_released.py CMOS{words}`",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="clone of github.com/ByChelsea/CMOS")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=2, help="of a forward")
    parser.add_argument("--training-batch", type=int, default=RELEASED_BATCH)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument(
        "--compile", nargs="+", default=(), help="ours behind torch.compile too, in such tables"
    )
    parser.add_argument("--only", nargs="+", help="tables whose title holds one of these words")
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this Markdown file")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.backends.cudnn.benchmark = True
    samples = {
        action: inputs(batch, arguments.size, device)
        for action, batch in (("forward", arguments.batch), ("step", arguments.training_batch))
    }
    loads, parts = [require_idle()], []
    try:
        exact = exact_difference(arguments.folder)
        for case in CASES:
            title, _, action, *_ = case
            if arguments.only and not any(word in title for word in arguments.only):
                continue
            compiled = any(word in title for word in arguments.compile)
            forms = forms_of(case, arguments.folder, device, compiled)
            difference = differences(forms, action, samples[action])
            # threads of the processor do not change what a GPU takes
            for threads in arguments.threads if device.type == "cpu" else (1,):
                torch.set_num_threads(threads)
                seconds = measured(forms, action, samples[action], arguments.repeats)
                loads.append(require_idle())
                where = "GPU" if device.type == "cuda" else f"{threads} thread{'s' * (threads > 1)}"
                parts.append(table(f"{title}, {where}", forms, seconds, difference, action))
                print(parts[-1], flush=True)
            del forms
            gc.collect()
    except BlindSRError as error:
        sys.exit(f"error: {error}")
    if arguments.output:
        top = header(arguments, device, loads, exact, compared_on(samples["step"]))
        report = "\n\n".join([top, *parts]) + "\n"
        with atomic_path(arguments.output) as temporary:
            temporary.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
