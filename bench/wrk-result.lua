-- Prints what wrk counted as one line of JSON. Latencies in microseconds.
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'result: {"requests":%d,"bytes":%d,"microseconds":%d,"p99":%d,"failed":%d,"refused":%d}\n',
    summary.requests,
    summary.bytes,
    summary.duration,
    latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout,
    errors.status
  ))
end
