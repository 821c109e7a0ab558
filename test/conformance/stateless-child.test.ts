import { conformanceBinary } from '../fixtures/everything/binary.ts'
import { describeServer } from './server.ts'

// A child that is of this revision itself has nothing to excuse.
describeServer('2026-07-28', {
  binary: () => conformanceBinary({ stateless: true, namesKeys: true }),
  expected: {},
})
