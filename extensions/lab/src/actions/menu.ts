/** The menu of cells that can be inserted. */

import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { Commands } from './names';

/** What a cell can be made of, in the order of the menu; the second ones are about one view. */
const CELLS = ['feature', 'windowed', 'as_of', 'ratio', 'lag', 'static', 'on_view'] as const;
const READERS = ['retrieval', 'training_set'] as const;
export type Kind = (typeof CELLS)[number] | (typeof READERS)[number];

export function openInsertMenu(commands: CommandRegistry, anchor: HTMLElement, view: string | null): void {
  const menu = new Menu({ commands });
  for (const kind of CELLS) {
    menu.addItem({ command: Commands.insert, args: { kind, view } });
  }
  menu.addItem({ type: 'separator' });
  for (const kind of READERS) {
    menu.addItem({ command: Commands.insert, args: { kind, view } });
  }
  const box = anchor.getBoundingClientRect();
  menu.aboutToClose.connect(() => anchor.focus());
  menu.open(box.left, box.bottom);
}
