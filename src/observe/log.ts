// The log: one JSON object a line for machines, in the words of the `registry` image; readable lines on a terminal.
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { formatAsText, formatForTerminal } from './log-lines.ts';

export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'terminal' | 'text' | 'json' | 'logstash';
  /** Added to every line. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Where lines go, one at a time and with their newline. */
export type LogSink = (line: string) => void;

export function createLog(settings: LogSettings, sink: LogSink): Logger {
  return pino(optionsFor(settings), destinationFor(settings, sink));
}

function optionsFor({ level, format, fields }: LogSettings): LoggerOptions {
  const common: LoggerOptions = {
    level,
    base: { ...fields },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  if (format !== 'logstash') return common;
  return {
    ...common,
    base: { '@version': 1, ...fields },
    messageKey: 'message',
    timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
  };
}

function destinationFor({ format }: LogSettings, sink: LogSink): DestinationStream {
  if (format === 'terminal') return { write: (line) => sink(formatForTerminal(line)) };
  if (format === 'text') return { write: (line) => sink(formatAsText(line)) };
  return { write: sink };
}
