// A broker that speaks MQTT 3.1 and 3.1.1 and nothing newer: node broker.mjs <port>
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const broker = await Aedes.createBroker()
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'))
