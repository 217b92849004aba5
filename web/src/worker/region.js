/** The largest thing of uncertain color in a photo and its other likely colors: the same as in tf_colorize/inference/likely.py. */

import { AB_SCALE, hexAt } from "../photo/lab.js";
import { standardized } from "./matching.js";

const GRID = 28; // places along a side
const UNSURE = 0.4; // share of the places that are more certain than those of such a region
const ALIKE = 0.5; // minimum cosine of the features of neighbors in a region
const LEAST_SHARE = 0.02; // of the picture
const [DARKEST, LIGHTEST] = [-0.8, 0.85]; // lightness in [-1, 1]; darker and brighter places show no color
const [ONE_COLOR, ANOTHER] = [8, 22]; // Lab units: colors closer than this count as one, and the minimum distance of another
const MOST = 3;
const NEIGHBORS = [[0, 1], [1, 0], [0, -1], [-1, 0]];

/**
 * @param {object} seen What a network makes of a photo.
 * @param {Float32Array} seen.lightness Of the photo: `size * size` values in [-1, 1].
 * @param {Float32Array} seen.ab Two per value, the network's own colors.
 * @param {import("./matching.js").Features} seen.features
 * @param {Float32Array} seen.logits For each place of a square, a logit for each entry of the palette.
 * @param {number[][]} palette Pairs a, b in [-1, 1].
 * @returns {{x: number, y: number, colors: string[], share: number} | null} A place in its middle, in shares of the photo's
 *   sides, at most three colors, "#rrggbb", the likeliest first, and its share of the photo; null if nothing large is uncertain.
 */
export function largest({ lightness, ab, features, logits }, palette) {
  const [side, size] = [Math.sqrt(logits.length / palette.length), Math.sqrt(lightness.length)];
  const places = Math.sqrt(features.places);
  const grid = places % GRID === 0 ? GRID : places;
  const likely = onGrid(probabilities(logits, palette.length), side, grid, palette.length);
  const grays = atCenters(lightness, size, grid);
  const shows = grays.map((gray) => gray > DARKEST && gray < LIGHTEST);
  const spreads = likely.map((shares) => spreadOf(shares, palette));
  const limit = quantile(spreads.filter((_, place) => shows[place]), UNSURE);
  const alike = likenessOf(onGrid(features.values, places, grid, features.count));
  const found = regions(alike, shows.map((is, place) => is && spreads[place] > limit), grid);
  const unsureness = found.map((region) => sum(region.map((place) => spreads[place])));
  const region = found[unsureness.indexOf(Math.max(...unsureness))];
  if (!region || region.length < LEAST_SHARE * grid ** 2) return null;
  const own = onGrid(ab, size, grid, 2);
  const color = meanOf(region.map((place) => own[place]));
  const others = otherPeaks(meanOf(region.map((place) => likely[place])), palette, color);
  const tone = sum(region.map((place) => grays[place])) / region.length;
  const [down, across] = middle(region, grid);
  const colors = [...new Set(others.map((other) => hexAt(tone, other)))];
  if (colors.length === 0) return null;
  return { x: (across + 0.5) / grid, y: (down + 0.5) / grid, colors, share: region.length / grid ** 2 };
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

/** A function that returns the cosine of the features of two places. */
function likenessOf(lists) {
  const count = lists[0].length;
  const values = Float32Array.from({ length: lists.length * count }, (_, at) => lists[Math.floor(at / count)][at % count]);
  const [units] = standardized({ places: lists.length, count, values });
  const of = (place) => units.subarray(place * count, (place + 1) * count);
  return (one, other) => dot(of(one), of(other));
}

/** Lists of places: neighbors that are alike. */
function regions(alike, allowed, grid) {
  const left = [...allowed];
  const found = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    left[start] = false;
    const region = [start];
    for (const place of region) {
      for (const near of neighbors(place, grid)) {
        if (!left[near] || !(alike(place, near) > ALIKE)) continue;
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
