/**
 * The largest thing of uncertain color in a photo and its other likely colors, as in
 * tf_colorize/inference/likely.py, except that neighbors belong together if their likely colors are alike: not all model
 * files return the features that the command compares.
 */

import { AB_SCALE, hexAt } from "../photo/lab.js";

const GRID = 28; // places along a side
const UNSURE = 0.4; // share of the places that are more certain than those of such a region
const ALIKE = 0.9; // minimum Bhattacharyya coefficient of neighbors in a region
const LEAST_SHARE = 0.02; // of the picture
const [DARKEST, LIGHTEST] = [-0.8, 0.85]; // lightness in [-1, 1]; darker and brighter places show no color
const [ONE_COLOR, ANOTHER] = [8, 22]; // Lab units: colors closer than this count as one, and the minimum distance of another
const MOST = 3;
const NEIGHBORS = [[0, 1], [1, 0], [0, -1], [-1, 0]];

/**
 * @param {Float32Array} logits For each place of a square, a logit for each entry of the palette.
 * @param {number[][]} palette Pairs a, b in [-1, 1].
 * @param {Float32Array} lightness `size * size` values in [-1, 1].
 * @param {Float32Array} ab Two per value, the model's own colors.
 * @returns {{x: number, y: number, colors: string[]} | null} A place in its middle, in shares of the photo's sides,
 *   and at most three colors, "#rrggbb", the likeliest first; null if nothing large is uncertain.
 */
export function largest(logits, palette, lightness, ab) {
  const side = Math.sqrt(logits.length / palette.length);
  const grid = side % GRID === 0 ? GRID : side;
  const likely = onGrid(probabilities(logits, palette.length), side, grid, palette.length);
  const size = Math.sqrt(lightness.length);
  const grays = atCenters(lightness, size, grid);
  const shows = grays.map((gray) => gray > DARKEST && gray < LIGHTEST);
  const spreads = likely.map((shares) => spreadOf(shares, palette));
  const limit = quantile(spreads.filter((_, place) => shows[place]), UNSURE);
  const found = regions(likely, shows.map((is, place) => is && spreads[place] > limit), grid);
  const unsureness = found.map((region) => sum(region.map((place) => spreads[place])));
  const region = found[unsureness.indexOf(Math.max(...unsureness))];
  if (!region || region.length < LEAST_SHARE * grid ** 2) return null;
  const own = onGrid(ab, size, grid, 2);
  const color = meanOf(region.map((place) => own[place]));
  const others = otherPeaks(meanOf(region.map((place) => likely[place])), palette, color);
  const tone = sum(region.map((place) => grays[place])) / region.length;
  const [down, across] = middle(region, grid);
  const colors = [...new Set(others.map((other) => hexAt(tone, other)))];
  return colors.length ? { x: (across + 0.5) / grid, y: (down + 0.5) / grid, colors } : null;
}

function probabilities(logits, count) {
  const shares = new Float32Array(logits.length);
  for (let from = 0; from < logits.length; from += count) {
    const here = logits.subarray(from, from + count);
    const most = here.reduce((top, value) => Math.max(top, value), -Infinity);
    const weights = here.map((logit) => Math.exp(logit - most));
    const total = sum(weights);
    shares.set(weights.map((weight) => weight / total), from);
  }
  return shares;
}

/** Means of what has several values for each place of a square: a list for each place of the grid. */
function onGrid(values, side, grid, count) {
  const sums = Array.from({ length: grid ** 2 }, () => new Float64Array(count));
  const counts = new Uint32Array(grid ** 2);
  for (let row = 0, place = 0; row < side; row++) {
    for (let column = 0; column < side; column++, place++) {
      const at = Math.floor((row * grid) / side) * grid + Math.floor((column * grid) / side);
      counts[at]++;
      for (let index = 0; index < count; index++) sums[at][index] += values[place * count + index];
    }
  }
  return sums.map((list, at) => list.map((value) => value / counts[at]));
}

function atCenters(values, size, grid) {
  const centers = Array.from({ length: grid }, (_, index) => Math.floor(((index + 0.5) * size) / grid));
  return centers.flatMap((row) => centers.map((column) => values[row * size + column]));
}

/** The standard deviation of a distribution over a palette. */
function spreadOf(shares, palette) {
  const moment = (power) => shares.reduce((total, share, index) => total + share * power(palette[index]), 0);
  const [a, b, squares] = [moment((ab) => ab[0]), moment((ab) => ab[1]), moment((ab) => ab[0] ** 2 + ab[1] ** 2)];
  return Math.sqrt(Math.max(0, squares - a ** 2 - b ** 2));
}

/** Interpolated, as NumPy does. */
function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at % 1);
}

/** Lists of places: neighbors that are alike. */
function regions(likely, allowed, grid) {
  const roots = likely.map((shares) => shares.map(Math.sqrt));
  const left = [...allowed];
  const found = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    left[start] = false;
    const region = [start];
    for (const place of region) {
      for (const near of neighbors(place, grid)) {
        if (!left[near] || !(dot(roots[place], roots[near]) > ALIKE)) continue;
        left[near] = false;
        region.push(near);
      }
    }
    found.push(region);
  }
  return found;
}

function neighbors(place, grid) {
  const [row, column] = [Math.floor(place / grid), place % grid];
  const isInside = (at) => at >= 0 && at < grid;
  const near = NEIGHBORS.map(([down, across]) => [row + down, column + across]);
  return near.filter((places) => places.every(isInside)).map(([down, across]) => down * grid + across);
}

/** The peaks of a distribution that are far from a color and from each other. */
function otherPeaks(shares, palette, color) {
  const alike = (one, other) => Math.exp(-((apart(one, other) / ONE_COLOR) ** 2) / 2);
  const densities = palette.map((ab) => palette.reduce((total, other, index) => total + alike(ab, other) * shares[index], 0));
  const order = palette.map((_, index) => index).sort((one, other) => densities[other] - densities[one]);
  const found = [];
  for (const index of order) {
    if ([color, ...found].every((other) => apart(palette[index], other) >= ANOTHER)) found.push(palette[index]);
    if (found.length === MOST) break;
  }
  return found;
}

/** The row and column of a region that is farthest from its edge; of several, the nearest to its mean. */
function middle(region, grid) {
  let deepest = region;
  for (let left = region; left.length > 0; ) {
    deepest = left;
    const inside = new Set(left);
    left = left.filter((place) => {
      const near = neighbors(place, grid);
      return near.length === NEIGHBORS.length && near.every((other) => inside.has(other));
    });
  }
  const places = deepest.map((place) => [Math.floor(place / grid), place % grid]).sort(([a, b], [c, d]) => a - c || b - d);
  const center = meanOf(region.map((place) => [Math.floor(place / grid), place % grid]));
  const away = places.map(([row, column]) => Math.hypot(row - center[0], column - center[1]));
  return places[away.indexOf(Math.min(...away))];
}

/** In Lab units. */
function apart(one, other) {
  return AB_SCALE * Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function dot(one, other) {
  return one.reduce((total, value, index) => total + value * other[index], 0);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function meanOf(lists) {
  return Array.from(lists[0], (_, index) => sum(lists.map((list) => list[index])) / lists.length);
}
