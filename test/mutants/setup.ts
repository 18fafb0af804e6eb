import fc from 'fast-check'

// Once for each mutant: the same few runs every time, so that a verdict is no matter of luck.
fc.configureGlobal({ numRuns: 20, seed: 1 })
