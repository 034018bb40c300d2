#!/usr/bin/env bash
# Stop what start.sh started, by the ids it left, and the jobs that are still there.   stop.sh STATE_DIR
dir=${1:?usage: stop.sh STATE_DIR}
[ "$(readlink /etc/slurm/slurm.conf)" = "$dir/slurm.conf" ] || exit 0
scancel --me 2>/dev/null
for _ in $(seq 40); do
  [ -z "$(squeue --noheader 2>/dev/null)" ] && break
  sleep 0.25
done
for name in slurmd slurmctld munged; do
  [ -f "$dir/$name.pid" ] && kill "$(cat "$dir/$name.pid")"
done
rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
