// The configuration file of a Ceph cluster of one machine that stores each byte once: see docs.ceph.com, "Common settings".

export interface CephCluster {
  /** A UUID. */
  readonly id: string;
  /** Where the daemons keep everything. */
  readonly directory: string;
  readonly monitorPort: number;
  /** Of the S3 gateway. */
  readonly port: number;
}

/** Most bytes that the store takes. Its file is sparse. A store that is filled up does not come back. */
const STORE_LENGTH = 32 * 1024 ** 3;

export function cephConfiguration({ id, directory, monitorPort, port }: CephCluster): string {
  return `
[global]
fsid = ${id}
mon host = [v2:127.0.0.1:${monitorPort}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
run dir = ${directory}
crash dir = ${directory}
log file = ${directory}/$name.log
admin socket =
pid file =
# Only this machine can reach the daemons: no cephx.
keyring = /dev/null
auth cluster required = none
auth service required = none
auth client required = none
# One copy of everything, on the one OSD there is, in as few placement groups as possible.
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
osd pool default pg autoscale mode = off
osd pool default pg num = 4
osd pool default pgp num = 4
rgw rados pool pg num min = 4
mon max pg per osd = 2000
# The monitor gathers changes for a second before it agrees to them with the others that it has not.
paxos propose interval = 0.02
paxos min wait = 0.01
[mon]
mon data = ${directory}/mon
mon cluster log file = /dev/null
[osd]
osd data = ${directory}/osd
osd uuid = ${id}
osd objectstore = bluestore
bluestore block size = ${STORE_LENGTH}
bluestore fsck on mkfs = false
osd memory target = 939524096
osd mclock skip benchmark = true
[client]
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw data = ${directory}/rgw
# The default, "secure", needs cephx.
ms mon client mode = crc secure
objecter tick interval = 0.5
rgw relaxed region enforcement = true
rgw run sync thread = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
# Space of deleted objects comes back in minutes, not in hours.
rgw gc obj min wait = 60
rgw gc processor period = 60
`;
}
