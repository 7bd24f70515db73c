/** Server-sent events over fetch, which sends the token and cookies that `EventSource` cannot. */

/** Yield the data of each event of a response. */
export async function* events(response: Response): AsyncGenerator<string> {
  if (!response.body) {
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      const blocks = (buffer + value.replaceAll('\r\n', '\n')).split('\n\n');
      buffer = blocks.pop() ?? '';
      for (const block of blocks) {
        const lines = block.split('\n').filter(line => line.startsWith('data:'));
        if (lines.length > 0) {
          yield lines.map(line => line.slice(5).trimStart()).join('\n');
        }
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
