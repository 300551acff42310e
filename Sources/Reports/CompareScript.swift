/// What moves the dividers between before and after: pointer, keyboard (each has a slider of its own), and the buttons
/// that set all of them.
enum CompareScript {
  static let text = """
    document.documentElement.classList.add('js');
    const dividers = [];
    for (const figure of document.querySelectorAll('.compare')) {
      const input = figure.querySelector('input'), stage = figure.querySelector('.stage');
      const columns = Number(stage.dataset.columns);
      const show = value => {
        input.value = value;
        stage.style.setProperty('--split', input.value + '%');
      };
      // Every cut of a sheet has its own divider; the pointer leads the one of the cut in which it went down.
      let column = 0;
      const place = event => {
        const box = stage.getBoundingClientRect();
        return (event.clientX - box.left) / box.width * columns;
      };
      const follow = event => show(100 * Math.min(1, Math.max(0, place(event) - column)));
      stage.addEventListener('pointerdown', event => {
        // On a small screen a sheet is wider than the page: there a finger scrolls, and the slider divides.
        if (event.button !== 0 || (event.pointerType === 'touch' && getComputedStyle(stage).touchAction === 'auto')) return;
        stage.setPointerCapture(event.pointerId);
        column = Math.min(columns - 1, Math.max(0, Math.floor(place(event))));
        follow(event);
      });
      stage.addEventListener('pointermove', event => { if (stage.hasPointerCapture(event.pointerId)) follow(event); });
      stage.addEventListener('dragstart', event => event.preventDefault());
      input.addEventListener('input', () => show(input.value));
      show(50);
      dividers.push(show);
    }
    const showAll = value => {
      for (const show of dividers) show(value);
      for (const button of document.querySelectorAll('[data-split]'))
        button.setAttribute('aria-pressed', String(button.dataset.split === value));
    };
    for (const button of document.querySelectorAll('[data-split]'))
      button.addEventListener('click', () => showAll(button.dataset.split));
    document.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input[type=text],input[type=number],textarea,canvas')) return;
      const value = { b: '100', s: '50', a: '0' }[event.key];
      if (value) showAll(value);
    });
    """
}
