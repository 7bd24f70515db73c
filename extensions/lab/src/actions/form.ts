/** A dialog of labelled fields. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

interface Field {
  name: string;
  label: string;
  hint?: string;
  value?: string;
  isRequired?: boolean;
}

class Body extends Widget implements Dialog.IBodyWidget<Record<string, string>> {
  constructor(fields: Field[], about: string) {
    super({ node: document.createElement('div') });
    this.addClass('wb-Form');
    if (about) {
      this.node.append(Object.assign(document.createElement('p'), { textContent: about }));
    }
    fields.forEach(field => this.node.append(this.row(field)));
  }

  getValue(): Record<string, string> {
    return Object.fromEntries(this._inputs.map(input => [input.name, input.value.trim()]));
  }

  private row(field: Field): HTMLElement {
    const label = document.createElement('label');
    const input = document.createElement('input');
    Object.assign(input, { name: field.name, value: field.value ?? '', required: field.isRequired ?? false });
    input.className = 'jp-mod-styled';
    input.setAttribute('aria-label', field.label);
    label.append(Object.assign(document.createElement('span'), { textContent: field.label }), input);
    if (field.hint) {
      const hint = Object.assign(document.createElement('small'), { textContent: field.hint });
      label.append(hint);
      input.setAttribute('aria-description', field.hint);
    }
    this._inputs.push(input);
    return label;
  }

  private readonly _inputs: HTMLInputElement[] = [];
}

/** Ask for the fields; null where the user cancelled. */
export async function askFields(given: {
  title: string;
  about?: string;
  fields: Field[];
  accept: string;
  cancel: string;
}): Promise<Record<string, string> | null> {
  const result = await showDialog({
    title: given.title,
    body: new Body(given.fields, given.about ?? ''),
    buttons: [Dialog.cancelButton({ label: given.cancel }), Dialog.okButton({ label: given.accept })],
    focusNodeSelector: 'input'
  });
  return result.button.accept ? result.value : null;
}
