/** A dialog that says what went wrong. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { problemOf } from '../api/client';

export async function showProblem(trans: TranslationBundle, error: unknown): Promise<void> {
  const problem = problemOf(error);
  await showDialog({
    title: problem.title,
    body: [problem.detail, problem.remedy].filter(Boolean).join('\n\n'),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}
