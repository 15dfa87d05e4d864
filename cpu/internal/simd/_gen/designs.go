package main

import "fmt"

// design spreads the products of all pairs of up to order elements y_i over vectors
// of 16 lanes. A row of factors is one cache line z: lane l has y[z[l]], and some
// elements occur twice. Each product is that of z, or of z with its lanes permuted,
// and of an operand that a load brings without other work: some consecutive elements
// of the line, repeated to the end of the vector.
//
// On Intel's cores multiply-adds and permutations of 512 bits share two ports, and
// two loads go beside them, so a design is good if both are few. In cycles a rating,
// with the right-hand side, and with loads for the id and for fetching ahead:
//
//	order                               8    10    12    16
//	multiply-adds and permutations    2.5     3     4     6
//	loads                             2.5     3     3     5
//	one broadcast for each row        4.5   5.5   6.5   8.5
//	order·(order+1)/2 pairs           1.1   1.7   2.4   4.3
//
// Loads cost time though they have ports of their own, and the more the wider they are: a
// step of 12 multiply-adds takes 1.80 ns, with 8 loads beside it 2.00 where each brings 4
// bytes, 2.09 for 16, 2.23 for 32 and 2.35 for 64. Orders 12 and 16 therefore multiply the
// line and the permuted line by the same operands where a design with these was found: for
// order 16 with three operands for both, or bijective permutations, one pair or more was
// always left. With an operand for each product half-steps of order 12 take 15 to 19 %
// longer, of 16 1 to 3 % and of 32, which has two of these tiles, 1 to 5 %. With narrower
// loads those of order 10 take 1 to 4 % less, and of 16 as long.
//
// The designs were found by simulated annealing over z, the permutation and the
// products. Those without a permutation had 3, 5, 7 and 11 products and as many loads
// less one: on a Xeon of 2023 the sums of rows of 160 ratings of 3706 columns then
// reached 31, 38, 42 and 60 % of the peak, and with permutations 35, 45, 45 and 60. With the
// factors in the first-level cache it was 39, 50, 51 and 63: what is missing to the table is
// the loads, and the end of each row, where the sums are folded and a branch is
// mispredicted, some 60 cycles.
type design struct {
	order    int
	least    int // order that uses the design
	z        [lanes512]int
	permute  *[lanes512]int // lane l of the permuted line is lane permute[l]
	products []product
}

const lanes512 = 16

// product is the line, permuted or not, times its width elements from lane at on. A
// width of 16 is the line itself. Products that follow one another share an operand.
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
		least:    1,
		z:        [...]int{7, 1, 0, 1, 4, 0, 2, 6, 3, 3, 7, 7, 5, 4, 4, 5},
		permute:  &[...]int{11, 7, 9, 12, 10, 3, 15, 15, 12, 0, 6, 3, 4, 9, 3, 10},
		products: []product{{16, 0, false}, {16, 0, true}, {4, 5, false}},
	},
	{
		order:    10,
		least:    9,
		z:        [...]int{3, 9, 4, 7, 0, 1, 5, 3, 1, 5, 6, 4, 7, 8, 2, 6},
		permute:  &[...]int{10, 15, 7, 5, 8, 9, 4, 9, 0, 1, 8, 15, 0, 1, 4, 9},
		products: []product{{16, 0, false}, {16, 0, true}, {4, 1, false}, {2, 13, false}},
	},
	{
		order:   12,
		least:   11,
		z:       [...]int{3, 10, 2, 8, 11, 5, 9, 10, 9, 1, 4, 0, 6, 7, 7, 3},
		permute: &[...]int{13, 0, 3, 10, 11, 2, 15, 4, 1, 2, 15, 14, 5, 6, 7, 6},
		products: []product{
			{16, 0, false}, {16, 0, true}, {4, 2, false}, {4, 2, true}, {4, 9, false}, {4, 9, true},
		},
	},
	{
		order:   16,
		least:   13,
		z:       identity,
		permute: &[...]int{13, 12, 14, 13, 5, 14, 7, 0, 10, 11, 0, 12, 14, 6, 13, 8},
		products: []product{
			{16, 0, false}, {16, 0, true}, {4, 1, false}, {4, 1, true}, {8, 2, false}, {8, 2, true},
			{8, 5, false}, {4, 9, true}, {2, 0, false}, {1, 15, false},
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
