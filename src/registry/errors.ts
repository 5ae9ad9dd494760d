// Every way in which the registry says no. Rows are keyed by reason, since one OCI code can need several statuses; this
// table is the only place that knows an HTTP status.

type ErrorRow = readonly [status: number, code: string, message: string];

const rows = {
  accountExists: [409, 'DENIED', 'there is an account of this name already'],
  accountInvalid: [400, 'UNSUPPORTED', 'the account cannot be like this'],
  accountUnknown: [404, 'NAME_UNKNOWN', 'there is no such account'],
  blobUnknown: [404, 'BLOB_UNKNOWN', 'blob is not in this repository'],
  bodyIncomplete: [400, 'SIZE_INVALID', 'the body ended early'],
  blobSizeMismatch: [400, 'MANIFEST_INVALID', 'descriptor size differs from the size of the content'],
  chunkMalformed: [416, 'BLOB_UPLOAD_INVALID', 'Content-Range is not of the form <start>-<end>'],
  chunkOutOfOrder: [416, 'BLOB_UPLOAD_INVALID', 'chunk does not start where the upload ends'],
  chunkSizeMismatch: [400, 'SIZE_INVALID', 'body is not as long as Content-Range or Content-Length says'],
  contentEncoded: [415, 'UNSUPPORTED', 'Content-Encoding is not accepted'],
  denied: [403, 'DENIED', 'this is not allowed with these credentials'],
  deleteDisabled: [405, 'UNSUPPORTED', 'deleting is switched off (storage.delete.enabled)'],
  digestInvalid: [400, 'DIGEST_INVALID', 'digest is malformed or of an unsupported algorithm'],
  digestMismatch: [400, 'DIGEST_INVALID', 'content does not have this digest'],
  lastAdministrator: [409, 'DENIED', 'nobody else could administrate the registry'],
  loginWrong: [401, 'UNAUTHORIZED', 'the user name or the password is not right'],
  manifestBlobUnknown: [
    400,
    'MANIFEST_BLOB_UNKNOWN',
    'manifest references content that is not in this repository',
  ],
  manifestInvalid: [400, 'MANIFEST_INVALID', 'manifest is not valid'],
  manifestTooLarge: [413, 'MANIFEST_INVALID', 'manifest is larger than 4 MiB'],
  manifestUnknown: [404, 'MANIFEST_UNKNOWN', 'manifest is not in this repository'],
  methodNotAllowed: [405, 'UNSUPPORTED', 'method is not offered here'],
  nameInvalid: [400, 'NAME_INVALID', 'repository name is not valid'],
  nameUnknown: [404, 'NAME_UNKNOWN', 'repository is not known'],
  pageNumberInvalid: [400, 'PAGINATION_NUMBER_INVALID', 'n is not a whole number that is allowed here'],
  parameterInvalid: [400, 'UNSUPPORTED', 'query parameter is not valid'],
  passwordWrong: [403, 'DENIED', 'the current password is another one'],
  preconditionFailed: [412, 'DENIED', 'the tag is not in the state that the request asks for'],
  rangeInvalid: [416, 'RANGE_INVALID', 'no part of the content lies in the requested range'],
  readOnly: [405, 'UNSUPPORTED', 'the registry is read-only at the moment'],
  requestInvalid: [400, 'UNSUPPORTED', 'the body is not as this endpoint takes it'],
  requestNotJson: [415, 'UNSUPPORTED', 'the body has to be application/json'],
  requestTooLarge: [413, 'SIZE_INVALID', 'the body is too large for this endpoint'],
  routeUnknown: [404, 'UNSUPPORTED', 'there is nothing at this address'],
  storageFull: [507, 'DENIED', 'the storage of the registry is full'],
  tagImmutable: [403, 'DENIED', 'the tag is immutable: once it is there, it is neither moved nor deleted'],
  tagInvalid: [400, 'TAG_INVALID', 'tag is not valid'],
  tagTaken: [403, 'DENIED', 'the tag is there already, and these credentials may not move it'],
  tooManyRequests: [429, 'TOOMANYREQUESTS', 'too many requests; try again later'],
  tooManyTags: [414, 'TAG_INVALID', 'too many tags in one request'],
  unauthorized: [401, 'UNAUTHORIZED', 'authentication is required'],
  unavailable: [503, 'UNAVAILABLE', 'the registry cannot answer now; try again later'],
  unhealthy: [503, 'UNAVAILABLE', 'a health check fails'],
  unknown: [500, 'UNKNOWN', 'the registry failed; its log knows more'],
  uploadUnknown: [404, 'BLOB_UPLOAD_UNKNOWN', 'upload is not known to this repository'],
} as const satisfies Record<string, ErrorRow>;

export type Reason = keyof typeof rows;

/** Whether a text, such as one from another process of ours, is a reason. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(rows, text);
}

export interface ErrorFacts {
  /** When it is worth another try. */
  readonly retryAfterSeconds?: number;
  /** Public: what the client may know beyond the reason, such as the digest that is missing. */
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** A refusal. Its message and detail go to the client; its cause goes to the log alone. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly reason: Reason;
  readonly detail: unknown;
  readonly retryAfterSeconds: number | undefined;

  constructor(reason: Reason, facts: ErrorFacts = {}) {
    super(rows[reason][2], { cause: facts.cause });
    this.reason = reason;
    this.detail = facts.detail;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  get status(): number {
    return rows[this.reason][0];
  }

  /** The code of the error JSON (distribution-spec, "Error Codes", and the further ones that docker knows). */
  get code(): string {
    return rows[this.reason][1];
  }
}

/** Whether the error is a refusal for one of the given reasons. */
export function isRefusal(error: unknown, ...reasons: readonly Reason[]): error is RegistryError {
  return error instanceof RegistryError && reasons.includes(error.reason);
}
