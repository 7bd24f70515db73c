/** What the editor says of our cells: what a word is when the pointer rests on it, and squiggles below what is wrong. */

import { type Diagnostic as Squiggle, linter } from '@codemirror/lint';
import { type Extension, type Text } from '@codemirror/state';
import { hoverTooltip } from '@codemirror/view';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import type { Diagnostic, Inspection } from '../api/answers';
import type { Client } from '../api/client';
import type { Model } from '../model';
import { isOurs } from './text';

const DELAY = 600;

export function editorHelp(
  client: Client,
  model: Model,
  rendermime: IRenderMimeRegistry,
  isPython: () => boolean
): Extension {
  async function inspect(doc: Text, at: number): Promise<Inspection | null> {
    const place = model.place;
    const source = doc.toString();
    if (!place || !isPython() || !isOurs(source)) {
      return null;
    }
    const line = doc.lineAt(at);
    const where = { line: line.number - 1, column: at - line.from };
    // the kernel and the panel say what is wrong with the server; an editor does not
    return client
      .inspect({ project: place.project, kernel: place.kernel ?? '', source, ...where })
      .catch(() => null);
  }

  return [
    linter(
      async view => {
        const doc = view.state.doc;
        const found = await inspect(doc, 0);
        return (found?.diagnostics ?? []).map(each => squiggle(doc, each));
      },
      { delay: DELAY }
    ),
    hoverTooltip(async (view, at) => {
      const found = await inspect(view.state.doc, at);
      if (!found?.hover) {
        return null;
      }
      const renderer = rendermime.createRenderer('text/markdown');
      await renderer.renderModel(rendermime.createModel({ data: { 'text/markdown': found.hover.text } }));
      renderer.addClass('wb-Hover');
      return { pos: at, create: () => ({ dom: renderer.node, destroy: () => renderer.dispose() }) };
    })
  ];
}

/** Place a diagnostic; lines and columns count from 0. */
function squiggle(doc: Text, found: Diagnostic): Squiggle {
  const position = (line: number, column: number) => {
    const at = doc.line(Math.min(Math.max(1, line + 1), doc.lines));
    return Math.min(at.from + Math.max(0, column), at.to);
  };
  const from = position(found.line, found.column);
  const to = Math.max(from, position(found.end_line, found.end_column));
  return {
    from,
    to,
    severity: found.severity === 'information' ? 'info' : found.severity,
    message: [found.message, found.remedy].filter(Boolean).join(' '),
    source: 'workbench'
  };
}
