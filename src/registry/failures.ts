// Where the words of the storage become words of the registry.
import { DriverError, type DriverErrorCode } from '../../storage-drivers/errors.ts';
import { type Reason, RegistryError } from './errors.ts';

/** Absence is not among them: what it means is known only where it is met. */
const REASONS: Readonly<Partial<Record<DriverErrorCode, Reason>>> = {
  noSpace: 'storageFull',
  busy: 'unavailable',
};

/** The refusal that a failure comes down to; everything unforeseen is `unknown`, with the failure as its cause. */
export function refusalFor(failure: unknown): RegistryError {
  if (failure instanceof RegistryError) return failure;
  const reason = failure instanceof DriverError ? REASONS[failure.code] : undefined;
  return new RegistryError(reason ?? 'unknown', { cause: failure });
}
