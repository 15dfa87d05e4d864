package main

import "fmt"

// design spreads the products of all pairs of up to order elements y_i over vectors
// of 16 lanes, so that few multiply-adds compute them all and nothing but loads
// prepares their operands.
//
// A row of factors is one cache line z: lane l has y[z[l]], and some elements occur
// twice. Each product is that of z, or of z with its lanes permuted, and of an operand
// that a load brings without other work: some consecutive elements of the line,
// repeated to the end of the vector. The p·(p+1)/2 pairs of p elements would take
// 2.3, 3.4, 4.9 and 8.5 vectors for the orders below.
//
// The designs were found by simulated annealing over z, the permutation and the
// products. No shorter one turned up without a permutation.
type design struct {
	order    int
	z        [lanes512]int
	permute  *[lanes512]int // lane l of the permuted line is lane permute[l]
	products []product
}

const lanes512 = 16

// product is the line, permuted or not, times its width elements from lane at on. A
// width of 16 is the line itself.
type product struct {
	width, at int
	permuted  bool
}

// lane returns the lane of the line that lane l of the operand comes from.
func (p product) lane(l int) int { return p.at + l%p.width }

var identity = [lanes512]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

var designs = []*design{
	{
		order:    8,
		z:        [...]int{6, 4, 3, 0, 1, 5, 1, 5, 7, 2, 4, 6, 0, 1, 5, 2},
		products: []product{{4, 8, false}, {8, 1, false}, {2, 2, false}},
	},
	{
		order:    10,
		z:        [...]int{3, 3, 0, 1, 8, 7, 6, 9, 5, 2, 4, 3, 0, 3, 5, 0},
		products: []product{{16, 0, false}, {8, 2, false}, {8, 4, false}, {4, 7, false}, {4, 3, false}},
	},
	{
		order:    12,
		z:        [...]int{3, 7, 2, 9, 1, 11, 4, 10, 5, 6, 8, 0, 2, 3, 9, 7},
		products: []product{{8, 0, false}, {8, 6, false}, {4, 3, false}, {4, 7, false}, {4, 8, false}, {4, 11, false}, {2, 4, false}},
	},
	{
		order:   16,
		z:       identity,
		permute: &[...]int{2, 3, 14, 15, 15, 0, 12, 13, 15, 0, 6, 7, 0, 1, 0, 1},
		products: []product{
			{16, 0, false}, {8, 0, true}, {4, 3, false}, {4, 7, false}, {4, 11, false}, {4, 12, true},
			{2, 1, false}, {2, 4, false}, {2, 8, true}, {2, 10, false},
		},
	},
}

// name ends the names of the functions of a design.
func (d *design) name() string { return fmt.Sprint(d.order) }

// size is the number of elements of the sums: a vector for each product, then one
// for the right-hand side.
func (d *design) size() int { return (len(d.products) + 1) * lanes512 }

// rightSide is where the vector of the right-hand side begins.
func (d *design) rightSide() int { return len(d.products) * lanes512 }

// pair returns the place of the product of y_i and y_j among the sums.
func (d *design) pair(i, j int) int {
	for n, p := range d.products {
		for l := range lanes512 {
			line := l
			if p.permuted {
				line = d.permute[l]
			}
			x, y := d.z[line], d.z[p.lane(l)]
			if x == i && y == j || x == j && y == i {
				return n*lanes512 + l
			}
		}
	}
	panic(fmt.Sprintf("the design of order %d lacks the pair %d, %d", d.order, i, j))
}

// single returns the first lane of the line that has y_i.
func (d *design) single(i int) int {
	for l, e := range d.z {
		if e == i {
			return l
		}
	}
	panic(fmt.Sprintf("the design of order %d lacks %d", d.order, i))
}
