package pdq

// A box is a moving average over n values. Output o is the mean of the inputs from o-back to
// o+ahead, cut at the ends. Input i completes output i-ahead, and from then on input i-w leaves the
// sum. Inputs before the first and after the last count as zero: adding or subtracting zero changes
// no bit, so that one loop serves the ends and the middle.
type box struct {
	n, w        int
	back, ahead int
}

// newBox returns the box of the tent filter for n values: a 128th of them, rounded up.
func newBox(n int) box {
	w := (n + 127) / 128
	half := (w + 2) / 2
	return box{n: n, w: w, back: w - half, ahead: half - 1}
}

// count returns how many inputs output o averages; 1 for an output that does not exist.
func (b box) count(o int) float32 {
	if o < 0 || o >= b.n {
		return 1
	}
	return float32(min(o+b.ahead, b.n-1) - max(o-b.back, 0) + 1)
}

// decimated returns the 64 of n indices that reach the grid.
func decimated(n int) (at [side]int) {
	for i := range at {
		at[i] = int((float64(i) + 0.5) * float64(n) / side)
	}
	return at
}

// reduce sweeps s through the tent filter into the grid. A picture of exactly 64x64 is its own grid.
func reduce(s *source) *grid {
	g := new(grid)
	if s.w == side && s.h == side {
		var rows [side]quad
		for y := range side {
			s.row(y, rows[:], 0)
			for x := range rows {
				g[y][x] = rows[x][0]
			}
		}
		return g
	}
	across, down := newBox(s.w), newBox(s.h)
	var (
		luma   = newLine(across)
		boxed  = make([]quad, s.w)
		once   = newLine(across)
		column = newColumn(down, s.w)
		last   = newLast(down, g)
		cols   = decimated(s.w)
		thin   [lanes][side]float32
	)
	// Row i of the picture completes row i-ahead of the first round.
	for i := 0; i < s.h+down.ahead; i += lanes {
		for lane := range lanes {
			if y := i + lane; y < s.h {
				s.row(y, luma.in(), lane)
			} else {
				luma.clear(lane)
			}
		}
		luma.average(boxed)
		column.average(i, boxed, once.in())
		once.averageAt(&cols, &thin)
		for lane := range lanes {
			if o := i + lane - down.ahead; o >= 0 && o < s.h {
				last.push(&thin[lane])
			}
		}
	}
	last.finish()
	return g
}

// A line is four rows on their way through the box along rows, with the zeros that the box reads
// before and after them.
type line struct {
	box
	all []quad
}

func newLine(b box) *line { return &line{box: b, all: make([]quad, b.w+b.n+b.ahead)} }

// in returns the quads of the rows, without the zeros around them.
func (l *line) in() []quad { return l.all[l.w : l.w+l.n] }

// clear empties one row.
func (l *line) clear(lane int) {
	in := l.in()
	for x := range in {
		in[x][lane&(lanes-1)] = 0
	}
}

// average writes the box average of the four rows.
func (l *line) average(out []quad) {
	var s quad
	i := l.advance(&s, 0, l.ahead)
	full := float32(l.w)
	for o := range out {
		count := full
		if o < l.back || o+l.ahead >= l.n {
			count = l.count(o)
		}
		enter, leave := &l.all[i+l.w], &l.all[i]
		s[0] += enter[0]
		s[1] += enter[1]
		s[2] += enter[2]
		s[3] += enter[3]
		s[0] -= leave[0]
		s[1] -= leave[1]
		s[2] -= leave[2]
		s[3] -= leave[3]
		out[o] = quad{s[0] / count, s[1] / count, s[2] / count, s[3] / count}
		i++
	}
}

// averageAt writes the box average of the four rows at the given columns only. The sums still run
// over every value, because their rounding depends on all that came before.
func (l *line) averageAt(cols *[side]int, out *[lanes][side]float32) {
	var s quad
	i := 0
	for k, o := range cols {
		i = l.advance(&s, i, o+l.ahead+1)
		count := l.count(o)
		for lane := range lanes {
			out[lane][k] = s[lane] / count
		}
	}
}

// advance lets inputs from to to-1 enter the sums, and returns to, or from when that is later.
func (l *line) advance(sums *quad, from, to int) int {
	if to <= from {
		return from
	}
	enter, leave := l.all[from+l.w:to+l.w], l.all[from:to]
	leave = leave[:len(enter)]
	a, b, c, d := sums[0], sums[1], sums[2], sums[3]
	for i := range enter {
		in, out := &enter[i], &leave[i]
		a += in[0]
		b += in[1]
		c += in[2]
		d += in[3]
		a -= out[0]
		b -= out[1]
		c -= out[2]
		d -= out[3]
	}
	*sums = quad{a, b, c, d}
	return to
}

// A column is the box along columns, for every column at once: the sums, and the rows that will
// leave them.
type column struct {
	box
	sum  []float32
	held [][]float32 // row i is held in slot i modulo w
}

func newColumn(b box, width int) *column {
	c := &column{box: b, sum: make([]float32, width), held: make([][]float32, b.w)}
	all := make([]float32, b.w*width)
	for i := range c.held {
		c.held[i] = all[i*width : (i+1)*width : (i+1)*width]
	}
	return c
}

// average lets rows i to i+3 enter and writes rows i-ahead to i-ahead+3; lanes of rows that do not
// exist are written, and mean nothing.
func (c *column) average(i int, in, out []quad) {
	var count [lanes]float32
	for lane := range lanes {
		count[lane] = c.count(i + lane - c.ahead)
	}
	n := len(c.sum)
	in, out = in[:n], out[:n]
	// With a box of fewer than four rows these are the same slots again, as they should be: what
	// entered in one lane leaves in a later one.
	h0, h1, h2, h3 := c.held[i%c.w][:n], c.held[(i+1)%c.w][:n], c.held[(i+2)%c.w][:n], c.held[(i+3)%c.w][:n]
	for x, s := range c.sum {
		q := &in[x]
		var o quad
		s += q[0]
		s -= h0[x]
		h0[x] = q[0]
		o[0] = s / count[0]
		s += q[1]
		s -= h1[x]
		h1[x] = q[1]
		o[1] = s / count[1]
		s += q[2]
		s -= h2[x]
		h2[x] = q[2]
		o[2] = s / count[2]
		s += q[3]
		s -= h3[x]
		h3[x] = q[3]
		o[3] = s / count[3]
		c.sum[x] = s
		out[x] = o
	}
}

// last is the second box along columns. It sees only the 64 columns of the grid, and writes only its
// 64 rows.
type last struct {
	box
	g    *grid
	at   [side]int
	next int // row of the grid that is written next
	i    int // rows that entered
	sum  [side]float32
	held [][side]float32
}

func newLast(b box, g *grid) *last {
	return &last{box: b, g: g, at: decimated(b.n), held: make([][side]float32, b.w)}
}

// push lets the next row enter.
func (l *last) push(row *[side]float32) {
	leave := &l.held[l.i%l.w]
	for x := range l.sum {
		l.sum[x] += row[x]
		l.sum[x] -= leave[x]
	}
	*leave = *row
	for o := l.i - l.ahead; l.next < side && l.at[l.next] == o; l.next++ {
		count := l.count(o)
		for x := range l.sum {
			l.g[l.next][x] = l.sum[x] / count
		}
	}
	l.i++
}

// finish writes the rows that still wait for inputs beyond the last.
func (l *last) finish() {
	var none [side]float32
	for range l.ahead {
		l.push(&none)
	}
}
