// JSON, and records of JSON.
'use strict'
const flat = require('../flat')

exports.parse = () => body => flat(JSON.parse(body.toString()))

// lines are what most programs do; they pass over a line that is broken.
exports.lines = () => body => body.toString().split(/\r?\n/).flatMap(line => {
  try {
    return flat(JSON.parse(line))
  } catch {
    return []
  }
})

exports.ndjson = () => {
  const ndjson = require('ndjson')
  return body => records(ndjson.parse({ strict: false }), body)
}

exports.sequence = async () => {
  const { JSONSequenceParser } = await import(require.resolve('json-text-sequence'))
  return body => records(new JSONSequenceParser(), body)
}

function records (parser, body) {
  return new Promise(resolve => {
    const found = []
    parser.on('data', value => found.push(...flat(value)))
    parser.on('error', () => resolve(found))
    parser.on('end', () => resolve(found))
    parser.end(body)
  })
}
