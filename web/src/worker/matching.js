/**
 * Places of a photo and similar-looking places of color photos, whose colors they take on: as in
 * tf_colorize/inference/matching.py, where the numbers come from.
 */

import { AB_SCALE } from "../photo/lab.js";

const MOST = 60; // places
const [ALIKE, SURE] = [0.55, 0.92]; // cosines from which places count, and from which they are certain
const [OTHER, MARGIN] = [12 / AB_SCALE, 0.2]; // distance of another color; how much less alike it must be
const LEAST = 4; // certain places
const GOLDEN = 0.5 * (Math.sqrt(5) - 1);

/** @typedef {{places: number, count: number, values: Float32Array}} Features `count` of each place, row by row. */

/**
 * The colors of references at the matching places of a photo.
 *
 * @param {Features} seen Of the photo.
 * @param {{features: Features, ab: Float32Array}[]} references Features and mean colors of their places.
 * @param {Set<number>} hinted Places with a hint of the user's.
 * @returns {Float32Array} For each place a, b and their certainty, 0 to 1; all zero where nothing counts.
 */
export function wanted(seen, references, hinted) {
  const found = new Float32Array(3 * seen.places);
  const best = new Float32Array(seen.places);
  for (const { features, ab } of references) {
    for (const { place, twin, cosine, sure } of matches(seen, features, ab)) {
      if (cosine <= best[place]) continue;
      best[place] = cosine;
      found.set([ab[2 * twin], ab[2 * twin + 1], sure], 3 * place);
    }
  }
  for (const place of near(seen, hinted)) found[3 * place + 2] = 0;
  const order = Array.from(best, (_, place) => place).sort((one, other) => found[3 * other + 2] - found[3 * one + 2] || spot(one) - spot(other));
  for (const place of order.slice(MOST)) found[3 * place + 2] = 0;
  const total = order.reduce((sum, place) => sum + found[3 * place + 2], 0);
  for (const place of order) if (total < LEAST || found[3 * place + 2] === 0) found.fill(0, 3 * place, 3 * place + 3);
  return found;
}

/** The order among equally certain places, because close ones are redundant. */
function spot(place) {
  return (place * GOLDEN) % 1;
}

/** Places of two photos that are each other's most similar ones, and how certain that is. */
function matches(one, other, ab) {
  const [first, second] = standardized(one, other);
  const cosines = products(first, second, one.count);
  const forth = Array.from({ length: one.places }, (_, place) => largest(cosines, place * other.places, 1, other.places));
  const back = Array.from({ length: other.places }, (_, twin) => largest(cosines, twin, other.places, one.places));
  const found = [];
  for (const [place, twin] of forth.entries()) {
    if (back[twin] !== place) continue;
    const row = cosines.subarray(place * other.places, (place + 1) * other.places);
    const certainty = clipped((row[twin] - ALIKE) / (SURE - ALIKE));
    const sure = certainty > 0 ? certainty * clipped((row[twin] - bestOfAnotherColor(row, twin, ab)) / MARGIN) : 0;
    found.push({ place, twin, cosine: row[twin], sure });
  }
  return found;
}

function bestOfAnotherColor(row, twin, ab) {
  let best = -Infinity;
  for (let other = 0; other < row.length; other++) {
    if (row[other] <= best) continue;
    if (Math.hypot(ab[2 * other] - ab[2 * twin], ab[2 * other + 1] - ab[2 * twin + 1]) > OTHER) best = row[other];
  }
  return best;
}

/** Places that have a hint or are similar to one that has. */
function near(seen, hinted) {
  if (hinted.size === 0) return [];
  const [features] = standardized(seen);
  const { places, count } = seen;
  const cosine = (one, other) => {
    let sum = 0;
    for (let index = 0; index < count; index++) sum += features[one * count + index] * features[other * count + index];
    return sum;
  };
  return Array.from({ length: places }, (_, place) => place).filter((place) => [...hinted].some((other) => cosine(place, other) > ALIKE));
}

/**
 * Features of which each has mean 0 and deviation 1 over all photos, as unit vectors.
 *
 * @param {...Features} photos
 * @returns {Float32Array[]}
 */
export function standardized(...photos) {
  const { count } = photos[0];
  const [sums, squares] = [new Float64Array(count), new Float64Array(count)];
  const places = photos.reduce((total, photo) => total + photo.places, 0);
  const forEach = (work) => photos.forEach(({ values }) => values.forEach((value, at) => work(at % count, value)));
  forEach((index, value) => (sums[index] += value));
  const means = sums.map((sum) => sum / places);
  forEach((index, value) => (squares[index] += (value - means[index]) ** 2));
  const whole = means.reduce((sum, mean) => sum + mean, 0) / count;
  const spread = squares.reduce((sum, square, index) => sum + square / places + (means[index] - whole) ** 2, 0) / count;
  const deviations = squares.map((square) => Math.max(Math.sqrt(square / places) + 1e-3 * Math.sqrt(spread), 1e-9));
  return photos.map(({ values }) => {
    const scaled = values.map((value, at) => (value - means[at % count]) / deviations[at % count]);
    for (let from = 0; from < scaled.length; from += count) {
      let length = 0;
      for (let at = from; at < from + count; at++) length += scaled[at] ** 2;
      length = Math.max(Math.sqrt(length), 1e-6);
      for (let at = from; at < from + count; at++) scaled[at] /= length;
    }
    return scaled;
  });
}

function products(first, second, count) {
  const [rows, columns] = [first.length / count, second.length / count];
  const result = new Float32Array(rows * columns);
  for (let row = 0, to = 0; row < rows; row++) {
    const one = first.subarray(row * count, (row + 1) * count);
    for (let column = 0, at = 0; column < columns; column++, to++) {
      let sum = 0;
      for (let index = 0; index < count; index++, at++) sum += one[index] * second[at];
      result[to] = sum;
    }
  }
  return result;
}

/** Index of the largest of `count` values that are `step` apart. */
function largest(values, from, step, count) {
  let best = 0;
  for (let index = 1; index < count; index++) if (values[from + index * step] > values[from + best * step]) best = index;
  return best;
}

function clipped(share) {
  return Math.min(1, Math.max(0, share));
}
