// When abandoned uploads are looked for.
import { type PurgeDependencies, type PurgeSettings, purgeUploads } from './purge-uploads.ts';

export interface ScheduleSettings extends PurgeSettings {
  /** Milliseconds from the end of one look to the next one. */
  readonly intervalMs: number;
}

export interface Schedule {
  stop(): void;
}

/** The first look comes at a random moment of the first hour, so that servers of one store do not all look at once. */
const FIRST_LOOK_WITHIN_MS = 3_600_000;

export function schedulePurge(dependencies: PurgeDependencies, settings: ScheduleSettings): Schedule {
  const { log } = dependencies;
  let timer: NodeJS.Timeout;
  const look = async () => {
    try {
      log.info(await purgeUploads(dependencies, settings), 'abandoned uploads were looked for');
    } catch (error) {
      log.error({ err: error }, 'abandoned uploads could not be looked for');
    }
    wait(settings.intervalMs);
  };
  const wait = (ms: number) => {
    timer = setTimeout(look, ms);
    timer.unref();
  };
  wait(Math.random() * FIRST_LOOK_WITHIN_MS);
  return { stop: () => clearTimeout(timer) };
}
