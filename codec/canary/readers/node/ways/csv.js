// CSV.
'use strict'
const flat = require('../flat')

exports.papaparse = () => {
  const papa = require('papaparse')
  return body => flat(papa.parse(body.toString(), { header: true }).data)
}

exports.parse = () => {
  const { parse } = require('csv-parse/sync')
  return body => flat(parse(body, { columns: true, relax_column_count: true }))
}
