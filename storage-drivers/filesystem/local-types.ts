// Which file systems are on this machine and keep to the rules of POSIX: others ask another machine, or a program.
import { statfs } from 'node:fs/promises';

/** Types as statfs(2) of Linux gives them. All of these keep times of change to the nanosecond field. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** Whether the directory is on such a one, as far as that is known. Throws system errors. */
export async function isLocal(directory: string): Promise<boolean> {
  const { type } = await statfs(directory);
  return process.platform === 'linux' && LOCAL_TYPES.has(type);
}
