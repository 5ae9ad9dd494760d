// How the log is written, by its settings and by where it goes.
import type { Configuration } from '../../config/schema.ts';
import type { LogSettings } from '../observe/log.ts';

/** @param isTerminal whether somebody reads along */
export function logSettings(
  { level, formatter, fields, accesslog }: Configuration['log'],
  isTerminal: boolean,
): LogSettings {
  const format = formatter ?? (isTerminal ? 'terminal' : 'json');
  return { level, fields, format, requests: accesslog.format };
}
