// The log: one JSON object a line for machines, in the words of the `registry` image; readable lines on a terminal.
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { formatAsCombined } from './combined-lines.ts';
import { formatAsText, formatForTerminal } from './log-lines.ts';

export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'terminal' | 'text' | 'json' | 'logstash';
  /** The form of the lines for requests, where it is another one. */
  readonly requests?: 'combined' | undefined;
  /** Added to every line. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Where lines go, one at a time and with their newline. */
export type LogSink = (line: string) => void;

/** @param idsNow gives what is added to the lines that are written on behalf of a request */
export function createLog(
  settings: LogSettings,
  sink: LogSink,
  idsNow?: () => Readonly<Record<string, string>>,
): Logger {
  const options = optionsFor(settings);
  return pino(
    { ...options, ...(idsNow && { mixin: () => ({ ...idsNow() }) }) },
    destinationFor(settings, sink),
  );
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

function destinationFor(settings: LogSettings, sink: LogSink): DestinationStream {
  const lines = linesFor(settings, sink);
  if (settings.requests === undefined) return lines;
  return {
    write(json) {
      const { line, isFailure } = formatAsCombined(json);
      if (line !== undefined) sink(line);
      // Why it failed has no place in that form.
      if (line === undefined || isFailure) lines.write(json);
    },
  };
}

function linesFor({ format }: LogSettings, sink: LogSink): DestinationStream {
  if (format === 'terminal') return { write: (line) => sink(formatForTerminal(line)) };
  if (format === 'text') return { write: (line) => sink(formatAsText(line)) };
  return { write: sink };
}
