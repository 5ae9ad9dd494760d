// What the HTTP layer tells whoever counts requests.

/** A request, looked at while it runs. */
export interface MeasuredRequest {
  readonly method: string;
  /** The name of its route; `none` as long as there is none. */
  handler(): string;
  /** Bytes of its body so far. */
  received(): number;
  /** Bytes of the answer's body so far. */
  sent(): number;
}

export interface RequestMeter {
  /** Begins to count a request. Gives what is to be called once at its end, with the status and the time in seconds. */
  begin(request: MeasuredRequest): (status: number, seconds: number) => void;
}
