// Reads bodies as applications do, one way for each process. See reader.py, which
// has the same usage and frames.
'use strict'

console.warn = () => {} // papaparse talks about headers

const ways = {
  form_querystring: () => {
    const querystring = require('node:querystring')
    return body => flat(querystring.parse(body.toString()))
  },
  form_urlsearchparams: () => body => [...new URLSearchParams(body.toString())].map(([k, v]) => [[k], v]),
  form_qs: () => {
    const qs = require('qs')
    return body => flat(qs.parse(body.toString(), { allowPrototypes: true, depth: 32 }))
  },
  form_qs_dots: () => {
    const qs = require('qs')
    return body => flat(qs.parse(body.toString(), { allowDots: true, plainObjects: true, parseArrays: false }))
  },
  form_busboy: () => {
    const busboy = require('busboy')
    return body => new Promise(resolve => {
      const found = []
      const b = busboy({ headers: { 'content-type': process.argv[3] } })
      b.on('field', (name, value) => found.push([[name], value]))
      b.on('file', (name, stream) => {
        stream.on('data', piece => found.push([[name], piece.toString()]))
      })
      b.on('close', () => resolve(found))
      b.on('error', () => resolve(found))
      b.end(body)
    })
  },
  json_parse: () => body => flat(JSON.parse(body.toString())),
  xml_fast: () => {
    const { XMLParser } = require('fast-xml-parser')
    const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true, parseTagValue: false })
    return body => flat(parser.parse(body.toString()))
      .map(([path, v]) => [path.filter(k => typeof k === 'string' && k !== '#text'), v])
  },
  csv_papaparse: () => {
    const papa = require('papaparse')
    return body => flat(papa.parse(body.toString(), { header: true }).data)
  },
  csv_parse: () => {
    const { parse } = require('csv-parse/sync')
    return body => flat(parse(body, { columns: true, relax_column_count: true }))
  }
}

function flat (value, path = []) {
  if (Array.isArray(value)) return value.flatMap((v, i) => flat(v, [...path, i]))
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).flatMap(([k, v]) => flat(v, [...path, k]))
  }
  return [[path, String(value)]]
}

async function main () {
  const read = ways[process.argv[2]]()
  let rest = Buffer.alloc(0)
  for await (const piece of process.stdin) {
    rest = Buffer.concat([rest, piece])
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const end = 4 + rest.readUInt32BE()
      let found = []
      try {
        found = await read(rest.subarray(4, end))
      } catch {} // whatever it is, the application has read nothing
      rest = rest.subarray(end)
      const reply = Buffer.from(JSON.stringify(found))
      const head = Buffer.alloc(4)
      head.writeUInt32BE(reply.length)
      process.stdout.write(head)
      process.stdout.write(reply)
    }
  }
}

main()
