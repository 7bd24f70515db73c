// @vitest-environment jsdom

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { expect, test } from 'vitest';

import extension, { MIME_TYPE, ResultRenderer } from './mime';

const options = {
  mimeType: MIME_TYPE,
  sanitizer: { sanitize: (text: string) => text.replace(/<style>.*<\/style>/, '') }
} as unknown as IRenderMime.IRendererOptions;

const HTML = '<style>a{}</style><section>spend</section>';

async function rendered(result: unknown, trusted: boolean, html: unknown = HTML): Promise<HTMLElement> {
  const renderer = extension.rendererFactory.createRenderer(options) as ResultRenderer;
  const data = { [MIME_TYPE]: result, 'text/html': html };
  const model = { trusted, data, metadata: {} } as unknown as IRenderMime.IMimeModel;
  await renderer.renderModel(model);
  return renderer.node;
}

const CARD = { kind: 'card', version: 1, title: 'spend: computed' };

test('a result is drawn as it is, and named for those who do not see it', async () => {
  const node = await rendered(CARD, true);
  expect(node.innerHTML).toContain('<style>');
  expect(node.textContent).toContain('spend');
  expect(node.getAttribute('aria-label')).toBe('spend: computed');
});

test('of a result in a notebook that is not trusted the sanitizer decides', async () => {
  expect((await rendered(CARD, false)).innerHTML).toBe('<section>spend</section>');
});

test.each([null, 3])('without HTML beside it nothing is drawn: %s', async html => {
  expect((await rendered(CARD, true, html)).innerHTML).toBe('');
});
