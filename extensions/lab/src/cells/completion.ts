/** Completes source columns, views and features in our cells, beside what the kernel completes. */

import type { CompletionHandler, ICompletionContext, ICompletionProvider } from '@jupyterlab/completer';

import type { Client } from '../api/client';
import type { Model } from '../model';
import { isOurs } from './text';

export class FeatureCompletion implements ICompletionProvider {
  readonly identifier = 'workbench';
  readonly rank = 600;

  constructor(
    private readonly client: Client,
    private readonly model: Model
  ) {}

  async isApplicable(context: ICompletionContext): Promise<boolean> {
    return this.model.place !== null && isOurs(context.editor?.model.sharedModel.getSource() ?? '');
  }

  async fetch(
    request: CompletionHandler.IRequest,
    context: ICompletionContext
  ): Promise<CompletionHandler.ICompletionItemsReply> {
    const place = this.model.place;
    const editor = context.editor;
    const position = editor?.getPositionAt(request.offset);
    if (!place || !editor || !position) {
      return { start: request.offset, end: request.offset, items: [] };
    }
    const found = await this.client.inspect({
      project: place.project,
      kernel: place.kernel ?? '',
      source: request.text,
      line: position.line,
      column: position.column
    });
    const replaced = found.completions[0]?.replaces ?? 0;
    return {
      start: request.offset - replaced,
      end: request.offset,
      items: found.completions.map(each => ({
        label: each.text,
        insertText: each.text,
        type: each.kind,
        documentation: each.detail || undefined
      }))
    };
  }
}
