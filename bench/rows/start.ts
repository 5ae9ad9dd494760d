// From the start of the process to its first answer: one that was started before, so that what it compiled is kept.
import { readCpuSeconds } from '../processes.ts';
import type { Target } from '../targets.ts';
import type { Readings, Row } from './row.ts';

export function createStartRow(): Row {
  const start = async ({ startAnother }: Target): Promise<Readings> => {
    if (startAnother === undefined) return {};
    const service = await startAnother();
    try {
      const cpuSeconds = await readCpuSeconds(service.pid);
      return { start: service.answeredAfterMs, 'start.cpu': cpuSeconds * 1_000 };
    } finally {
      await service.stop();
    }
  };
  return {
    name: 'start',
    metrics: [
      { name: 'start', title: 'start to first answer', unit: 'ms', better: 'less' },
      { name: 'start.cpu', title: 'processor time of a start', unit: 'ms', better: 'less' },
    ],
    prepare: async (target) => void (await start(target)),
    measure: start,
  };
}
