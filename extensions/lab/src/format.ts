/** Numbers and times as the language of JupyterLab writes them. */

export class Format {
  constructor(language: string) {
    const tag = language === 'default' ? undefined : language.replace('_', '-');
    this._count = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 });
    this._number = new Intl.NumberFormat(tag, { maximumSignificantDigits: 4 });
    this._time = new Intl.DateTimeFormat(tag, {
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      timeZoneName: 'short'
    });
  }

  count(value: number): string {
    return this._count.format(value);
  }

  number(value: number): string {
    return this._number.format(value);
  }

  /** A moment in the reader's time zone, which is named. */
  time(iso: string | null): string {
    const moment = iso ? new Date(iso) : null;
    return moment && !Number.isNaN(moment.valueOf()) ? this._time.format(moment) : '';
  }

  private readonly _count: Intl.NumberFormat;
  private readonly _number: Intl.NumberFormat;
  private readonly _time: Intl.DateTimeFormat;
}
