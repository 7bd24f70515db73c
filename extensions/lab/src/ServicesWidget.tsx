/** A Lumino widget that shows a component, which has the services. */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

import { type Services, ServicesProvider } from './services';

export class ServicesWidget extends ReactWidget {
  constructor(
    private readonly services: Services,
    className: string,
    private readonly content: ReactElement
  ) {
    super();
    this.addClass(className);
  }

  protected render() {
    return <ServicesProvider value={this.services}>{this.content}</ServicesProvider>;
  }
}
