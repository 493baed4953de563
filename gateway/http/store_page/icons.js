// Line icons on a grid of 24. They stand beside words, never instead of them.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  refill: "M4 20h16M6 20V9h5v11M13 20v-6h5v6M15.5 3v8M12.5 6l3-3 3 3",
  orders: "M6 8h12l1.5 12h-15zM9 8V6a3 3 0 0 1 6 0v2",
  sizes: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  find: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
  alerts: "M12 3 2.5 20h19zM12 10v4.5M12 17v.6",
  board: "M3 5h5.5v14H3zM9.8 5h5.4v14H9.8zM16.5 5H21v14h-4.5z",
  pick: "M7 12V6.5a1.5 1.5 0 0 1 3 0V11V4.5a1.5 1.5 0 0 1 3 0V11V5.5a1.5 1.5 0 0 1 3 0V13c0 5-2 8-6 8s-5-3-7-7c-.8-1.6 1.4-2.6 2.4-1.2z",
  pack: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
  hand_over: "M3 13l4-4h4l2 2h4a1.5 1.5 0 0 1 0 3h-5M3 19h9l8-5M14 4h6v4h-6z",
  put_back: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12H9",
  check: "M4.5 12.5 10 18 20 6.5",
  cross: "M6 6l12 12M18 6 6 18",
  arrow: "M4 12h15M13 6l6 6-6 6",
  blind: "M3 3l18 18M10 6.3A9.6 9.6 0 0 1 12 6c5 0 8.5 4 9.5 6a15 15 0 0 1-3 3.8M6.5 8A14.500 14.500 0 0 0 2.500 12c1 2 4.500 6 9.500 6 1.300 0 2.500-.3 3.600-.7",
  camera: "M4 8h3l1.500-2.500h7L17 8h3v11H4zM12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c.5-4 3.500-6 8-6s7.500 2 8 6",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.500V12l3 2",
  place: "M12 21s7-6.200 7-11a7 7 0 0 0-14 0c0 4.800 7 11 7 11zM12 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
};

/** An icon by its name; it is hidden from screen readers, because words say the same beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" })) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.check);
  svg.append(path);
  return svg;
}
