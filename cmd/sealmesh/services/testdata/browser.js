// A browser, Chromium, fills in the forms of people.py. Usage: browser.js URL CHROMIUM
const fs = require('fs')
const os = require('os')
const path = require('path')
const { chromium } = require('playwright-core')

const url = process.argv[2]
const ssn = '078-05-1120'
const say = (client, status, more) => console.log(JSON.stringify({ client: 'Chromium ' + client, status, ...more }))

async function main() {
  const browser = await chromium.launch({ executablePath: process.argv[3], args: ['--no-sandbox'] })
  const page = await browser.newPage()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'photo'))
  const photo = path.join(folder, 'été (1).png')
  fs.copyFileSync('photo.png', photo)
  for (const [name, type] of [['form', 'application/x-www-form-urlencoded'], ['multipart', 'multipart/form-data']]) {
    await page.goto(url + '/people/new?enctype=' + type)
    await page.fill('[name=name]', 'Chromium')
    await page.fill('[name=ssn]', ssn)
    await page.fill('[name=note]', 'a & b+c=d; \n' + ssn + ' é')
    if (name === 'multipart') await page.setInputFiles('[name=photo]', photo)
    await page.click('button')
    say(name + ' page', 200, { text: await page.innerText('body') })
    say(name, 200, { body: await (await page.request.get(page.url() + '.json')).json() })
  }
  await page.goto(url + '/search')
  await page.fill('[name=ssn]', ssn)
  await page.click('button')
  say('search', 200, { body: JSON.parse(await page.innerText('body')) })
  await page.goto(url + '/login')
  await page.fill('[name=ssn]', ssn)
  await page.click('button')
  const cookie = (await page.context().cookies()).find((c) => c.name === 'ssn').value
  say('log-in', 200, { body: JSON.parse(await page.innerText('body')), cookie })
  await browser.close()
  fs.rmSync(folder, { recursive: true })
}

main().catch((e) => { console.error(e.message); process.exit(1) })
