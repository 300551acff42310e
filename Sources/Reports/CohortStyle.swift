/// What only the cohort page has: its table and plots, and what sorts and filters the rows.
enum CohortStyle {
  static let css = """
    .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1.2rem;margin:1rem 0}
    .plots text{font-size:16px}.dots{stroke:var(--after);stroke-width:5.5;stroke-linecap:round;opacity:.75}
    .out{fill:var(--before);stroke:var(--alert);stroke-width:1.6}
    .tools{display:flex;flex-wrap:wrap;gap:.6rem 1.4rem;align-items:center;margin:.8rem 0;font-size:.93rem}
    .tools input[type=text]{font:inherit;color:var(--text);background:var(--panel);border:1px solid #6b7c8c;border-radius:7px;
    padding:.3rem .6rem;width:12rem}
    .wide{overflow-x:auto}.cases{min-width:58rem}.cases td,.cases th{padding:.35rem .9rem .35rem 0;vertical-align:middle;overflow-wrap:normal}
    .cases tbody td{white-space:nowrap}.cases tbody th{white-space:nowrap;font-size:.85rem}
    .cases thead th,.cases thead td{position:sticky;top:0;background:var(--background);vertical-align:bottom;white-space:normal}
    .cases thead button{border:0;background:none;padding:.2rem 0;text-align:left;font-weight:600;color:var(--dim)}
    .cases thead button:hover{color:var(--text)}th[aria-sort] button{color:var(--text)}
    th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
    .cases .picture{width:72px;padding-right:.8rem}.cases img{display:block;border-radius:3px;background:#000;object-fit:contain}
    .cases tr:target{background:var(--panel);outline:2px solid var(--after)}.cases [data-v]{white-space:nowrap}
    .cases small{display:block;color:var(--dim)}.cases .words{white-space:normal;min-width:14rem}tr[hidden]{display:none}
    """

  static let script = """
    const body = document.querySelector('.cases tbody'), rows = [...body.rows];
    const find = document.querySelector('#find'), attention = document.querySelector('#attention');
    const value = (row, column, kind) => {
      const cell = row.cells[column];
      if (kind === 'text') return cell.textContent.trim();
      return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    };
    for (const button of document.querySelectorAll('.cases thead button')) {
      button.addEventListener('click', () => {
        const head = button.parentElement, column = head.cellIndex, kind = button.dataset.kind;
        const sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
        for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', sign > 0 ? 'ascending' : 'descending');
        rows.sort((a, b) => {
          const x = value(a, column, kind), y = value(b, column, kind);
          // What has no value comes last, whichever way.
          if (x === null || y === null) return (x === null) - (y === null);
          return sign * (kind === 'text' ? x.localeCompare(y, 'en') : x - y);
        });
        body.append(...rows);
      });
    }
    const filter = () => {
      const word = find.value.trim().toLowerCase();
      let count = 0;
      for (const row of rows) {
        row.hidden = (attention.checked && row.dataset.look === undefined) || !row.textContent.toLowerCase().includes(word);
        if (!row.hidden) count += 1;
      }
      document.querySelector('#shown').textContent = count === rows.length ? '' : `${count} of ${rows.length} cases`;
    };
    find.addEventListener('input', filter);
    attention.addEventListener('change', filter);
    """
}
