import { expect, test } from 'vitest';

import { events } from './events';

async function all(...chunks: string[]): Promise<string[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(control) {
      chunks.forEach(chunk => control.enqueue(new TextEncoder().encode(chunk)));
      control.close();
    }
  });
  const found = [];
  for await (const text of events(new Response(stream))) {
    found.push(text);
  }
  return found;
}

test('events are read whatever way they are cut', async () => {
  expect(await all('data: {"a"', ':1}\n', '\ndata: 2\n\n')).toEqual(['{"a":1}', '2']);
});

test('comments that keep the connection open say nothing', async () => {
  expect(await all(': still here\n\n', 'event: x\ndata: 1\n\n', 'data: never ended')).toEqual(['1']);
});
