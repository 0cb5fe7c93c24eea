const THEME = 'chasqui.theme';
const DARK = matchMedia('(prefers-color-scheme: dark)');

function current() {
  return localStorage.getItem(THEME) ?? (DARK.matches ? 'dark' : 'light');
}

function show() {
  document.documentElement.dataset.theme = current();
}

/** Light or dark: as the system says, until the user says otherwise. */
export function toggleTheme() {
  const next = current() === 'dark' ? 'light' : 'dark';
  if (next === (DARK.matches ? 'dark' : 'light')) {
    localStorage.removeItem(THEME);
  } else {
    localStorage.setItem(THEME, next);
  }
  show();
}

DARK.addEventListener('change', show);
show();
