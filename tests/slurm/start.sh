#!/usr/bin/env bash
# Start a one-node Slurm on loopback, without systemd or slurmdbd.   start.sh STATE_DIR
# Needs root and: apt-get install -y --no-install-recommends slurm-wlm munge
# Everything but munge's key lives under STATE_DIR; /etc/slurm/slurm.conf links to it until stop.sh, since Snakemake
# drops SLURM_CONF in its jobs. A Slurm that this machine has of its own is left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "${1:?usage: start.sh STATE_DIR}" && cd "$1" && pwd)
host=$(hostname -s)
conf=/etc/slurm/slurm.conf
[ ! -e "$conf" ] || { echo "$conf exists: this machine has a Slurm, or one was not stopped" >&2; exit 1; }
mkdir -p "$dir/state" "$dir/spool" /run/munge /var/log/munge /var/lib/munge
getent hosts "$host" >/dev/null || echo "127.0.0.1 $host" >>/etc/hosts
[ -s /etc/munge/munge.key ] || { umask 077; head -c 1024 /dev/urandom >/etc/munge/munge.key; umask 022; }
chown -R munge: /etc/munge /run/munge /var/log/munge /var/lib/munge
chmod 0755 /run/munge; chmod 0400 /etc/munge/munge.key
munge -n >/dev/null 2>&1 || {
  rm -f /run/munge/munge.socket.2*
  runuser -u munge -- /usr/sbin/munged
  cp /run/munge/munged.pid "$dir/munged.pid" # so that stop.sh ends it
}
mem=200000 # MB, more than there is, as the cores are: jobs ask for what they need at full scale
cpus=$(getconf _NPROCESSORS_ONLN)
[ "$cpus" -ge 8 ] || cpus=8
sed -e "s|@HOST@|$host|g" -e "s|@CPUS@|$cpus|g" -e "s|@MEM@|$mem|g" -e "s|@DIR@|$dir|g" \
  "$here/slurm.conf.in" >"$dir/slurm.conf"
# gres/gpu needs File=; plain files do as long as no cgroup device constraint is on
touch "$dir/fakegpu0" "$dir/fakegpu1"
echo "NodeName=$host Name=gpu File=$dir/fakegpu[0-1]" >"$dir/gres.conf"
mkdir -p "$(dirname "$conf")"
ln -sfn "$dir/slurm.conf" "$conf"
ln -sfn "$dir/gres.conf" "$(dirname "$conf")/gres.conf"
/usr/sbin/slurmctld -c
/usr/sbin/slurmd -c
for _ in $(seq 100); do
  sinfo -h -o %T 2>/dev/null | grep -qE 'idle|mix|alloc' && { sinfo; exit 0; }
  sleep 0.2
done
echo "slurm did not come up" >&2
tail -n 20 "$dir"/slurmctld.log "$dir"/slurmd.log >&2
exit 1
