/** Renders the workbench's results in outputs: from saved notebooks too, and without a kernel. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';

import { draw } from './draw';

export const MIME_TYPE = 'application/vnd.workbench+json';

/** What a result says of itself; its HTML stands beside it, as `text/html` of the same output. */
interface Result {
  kind?: unknown;
  title?: unknown;
  html?: unknown;
}

/** Shows the HTML of a result; in a notebook that is not trusted, what Lab's sanitizer leaves of it. */
export class ResultRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly options: IRenderMime.IRendererOptions) {
    super();
    this.addClass('wb-Result');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const result = { html: model.data['text/html'], ...(model.data[this.options.mimeType] as object) } as Result;
    const html = typeof result.html === 'string' ? result.html : '';
    draw(this.node, model.trusted ? html : this.options.sanitizer.sanitize(html));
    if (typeof result.title === 'string') {
      this.node.setAttribute('role', 'group');
      this.node.setAttribute('aria-label', result.title);
    }
    if (typeof result.kind === 'string') {
      this.node.dataset.kind = result.kind;
    }
    for (const link of this.node.querySelectorAll('a[href]')) {
      link.setAttribute('rel', 'noopener noreferrer');
    }
  }
}

const extension: IRenderMime.IExtension = {
  id: 'feature-workbench-lab:mime',
  description: "Renders the workbench's cards, differences and reports.",
  rendererFactory: {
    safe: true,
    mimeTypes: [MIME_TYPE],
    defaultRank: 10,
    createRenderer: options => new ResultRenderer(options)
  },
  dataType: 'json'
};

export default extension;
