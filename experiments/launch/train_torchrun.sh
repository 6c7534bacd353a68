#!/usr/bin/env bash
# A training on several machines without a scheduler. On every one of them, from the same folder of
# a shared disk:
#
#   NODES=2 GPUS=8 HEAD=node1:29500 bash experiments/launch/train_torchrun.sh fit -c experiments/cmos_nyu.yaml
#
# HEAD is one of them, under a name that all can reach, and a free port. Where one process dies, all
# end within seconds; the same lines with `--ckpt_path last` go on. STRATEGY=fsdp before the line, and
# `-c experiments/overlays/fsdp.yaml` behind it: for networks that do not fit one GPU.
set -eu
nodes=${NODES:?number of machines} gpus=${GPUS:?GPUs of each} head=${HEAD:?one of them, as name:port}
command=${1:?fit, validate or test}
shift
exec torchrun --nnodes "$nodes" --nproc-per-node "$gpus" \
  --rdzv-backend c10d --rdzv-endpoint "$head" --rdzv-id "${RUN:-blindsr}" ${ADDRESS:+--local-addr "$ADDRESS"} \
  --no-python lightning "$command" "$@" \
  --trainer.strategy "${STRATEGY:-ddp}" --trainer.num_nodes "$nodes" --trainer.devices "$gpus"
