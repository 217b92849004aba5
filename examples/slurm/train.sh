#!/bin/bash
# Training on several machines of a Slurm cluster, one process on each with all of its GPUs or processors:
#   sbatch --nodes=4 examples/slurm/train.sh --mode gan --data photos --run-dir runs/big --batch-size 64
# After an interruption:
#   sbatch --nodes=4 examples/slurm/train.sh --resume runs/big
#SBATCH --job-name=tf_colorize
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
# All stop when one does: Slurm must not wait for the rest.
srun --kill-on-bad-exit=1 bash -c '
    hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:12345\"/" | paste -sd,)
    export TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
    exec python scripts/train.py --distribute workers "$@"
' train "$@"
