// Clients of Node.js: fetch with FormData, axios, and form-data.
// Usage: client.js URL; prints a line of JSON for each: {client, status, body}.
const fs = require('fs')
const http = require('http')
const axios = require('axios')
const Form = require('form-data')

const url = process.argv[2]
const ssn = '078-05-1120'
const photo = fs.readFileSync('photo.png')
const say = (client, status, body) => console.log(JSON.stringify({ client, status, body }))

async function main() {
  const data = new FormData()
  data.set('ssn', ssn)
  data.set('user[ssn]', ssn)
  data.set('note', 'a & b\né')
  data.set('photo', new Blob([photo], { type: 'image/png' }), 'été (1).png')
  data.set('scan', new File(['scan of ' + ssn], 'scan.txt', { type: 'text/plain' }))
  data.set('order', new Blob([JSON.stringify({ ssn })], { type: 'application/json' }), 'order.json')
  data.set('rows', new Blob(['id,ssn\n1,' + ssn + '\n'], { type: 'text/csv' }), 'rows.csv')
  let r = await fetch(url + '/uploads', { method: 'POST', body: data })
  say('fetch', r.status, await r.json())

  r = await fetch(url + '/forms', { method: 'POST', body: new URLSearchParams({ ssn, 'user[ssn]': ssn, note: 'a & b\né' }) })
  say('fetch form', r.status, await r.json())

  r = await fetch(url + '/orders', { method: 'POST', body: new URLSearchParams({ ssn }) })
  say('fetch redirected', r.status, await r.json())

  r = await axios.postForm(url + '/uploads', { ssn, user: { ssn }, note: 'a & b\né', photo: fs.createReadStream('photo.png') })
  say('axios', r.status, r.data)

  r = await axios.post(url + '/forms', { ssn, user: { ssn } }, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })
  say('axios form', r.status, r.data)

  const form = new Form()
  form.append('ssn', ssn)
  form.append('user[ssn]', ssn)
  form.append('photo', fs.createReadStream('photo.png'))
  form.append('scan', Buffer.from('scan of ' + ssn), { filename: 'scan.txt', contentType: 'text/plain', knownLength: 19 })
  r = await axios.post(url + '/parts', form, { headers: form.getHeaders() })
  say('form-data', r.status, r.data)
}

main()
