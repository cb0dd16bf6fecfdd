// What is taken and what is answered, as JSON Schema: Fastify makes its validators and its serialisers of it.

const priority = { enum: ['low', 'medium', 'high', null] }
const moment = { type: ['string', 'null'], format: 'date-time' }

const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: ['string', 'null'] },
    completed: { type: 'boolean' },
    priority: { type: ['string', 'null'] },
    due_date: moment,
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' }
  }
}

const params = { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } }

export const listSchema = {
  querystring: {
    type: 'object',
    properties: {
      status: { enum: ['all', 'pending', 'completed'], default: 'all' },
      sort: { enum: ['created', 'due_date', 'title'], default: 'created' }
    }
  },
  response: { 200: { type: 'array', items: task } }
}

export const createSchema = {
  body: {
    type: 'object',
    required: ['title'],
    properties: {
      title: { type: 'string', minLength: 1, maxLength: 200 },
      description: { type: ['string', 'null'], maxLength: 1000 },
      priority,
      due_date: moment
    }
  },
  response: { 201: task }
}

export const taskSchema = { params, response: { 200: task } }
