// Server-sent events, whose data is JSON.
'use strict'
const flat = require('../flat')

exports.parser = () => {
  const { createParser } = require('eventsource-parser')
  return body => {
    const found = []
    const parser = createParser({
      onEvent: event => {
        try {
          found.push(...flat(JSON.parse(event.data)))
        } catch {} // not JSON, such as [DONE]
      }
    })
    parser.feed(body.toString())
    return found
  }
}
