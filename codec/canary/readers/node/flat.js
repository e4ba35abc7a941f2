'use strict'

// flat returns the scalars in a value, each with its path.
module.exports = function flat (value, path = []) {
  if (Array.isArray(value)) return value.flatMap((v, i) => flat(v, [...path, i]))
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).flatMap(([k, v]) => flat(v, [...path, k]))
  }
  return [[path, String(value)]]
}
