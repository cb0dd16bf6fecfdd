// Fastify with its own plugins for PostgreSQL and tokens, as their manuals show them.

import jwt from '@fastify/jwt'
import postgres from '@fastify/postgres'
import fastify from 'fastify'

import { createSchema, listSchema, taskSchema } from './schemas.js'

const LIST = 'SELECT * FROM tasks WHERE user_id = $1'
const GET = 'SELECT * FROM tasks WHERE id = $1 AND user_id = $2'
const TOGGLE = `
  UPDATE tasks SET completed = NOT completed, updated_at = now() WHERE id = $1 AND user_id = $2 RETURNING *`
const CREATE = `
  INSERT INTO tasks (id, user_id, title, description, completed, priority, due_date, created_at, updated_at)
  VALUES (gen_random_uuid(), $1, $2, $3, false, $4, $5, now(), now()) RETURNING *`

const CONDITIONS = { all: '', pending: ' AND NOT completed', completed: ' AND completed' }
const ORDERS = { created: ' ORDER BY created_at DESC', due_date: ' ORDER BY due_date', title: ' ORDER BY title' }

async function tasks (app) {
  app.addHook('onRequest', request => request.jwtVerify())

  const rows = async (statement, ...values) => (await app.pg.query(statement, values)).rows

  const only = ([task], reply) => task ?? reply.code(404).send({ message: 'Task not found' })

  app.get('/', { schema: listSchema }, ({ query, user }) =>
    rows(LIST + CONDITIONS[query.status] + ORDERS[query.sort], user.sub))

  app.post('/', { schema: createSchema }, async ({ body, user }, reply) => {
    const { title, description, priority, due_date: dueDate } = body
    const [task] = await rows(CREATE, user.sub, title, description, priority, dueDate)
    return reply.code(201).send(task)
  })

  app.get('/:id', { schema: taskSchema }, async ({ params, user }, reply) =>
    only(await rows(GET, params.id, user.sub), reply))

  app.patch('/:id/complete', { schema: taskSchema }, async ({ params, user }, reply) =>
    only(await rows(TOGGLE, params.id, user.sub), reply))
}

export function createApp ({ secret, database }) {
  // One line in the log for a request, as everybody writes, and not two.
  const app = fastify({ logger: true, disableRequestLogging: true })
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({ req: request, res: reply, responseTime: reply.elapsedTime }, 'request completed')
  })
  app.register(jwt, { secret, verify: { algorithms: ['HS256'], requiredClaims: ['sub', 'exp'] } })
  app.register(postgres, { connectionString: database })
  app.get('/health', async () => ({ status: 'ok' }))
  app.register(tasks, { prefix: '/api/tasks' })
  return app
}
