package draw

import "image/color"

func (s *scene) landscape() {
	high, low := s.colour(60, 170), s.colour(170, 245)
	white := color.RGBA{250, 250, 246, 255}
	s.each(func(u, v int) color.RGBA {
		sky := mix(high, low, v, unit)
		return mix(sky, white, max(0, s.cloud(0, u, 2*v, 1400)-120), 140)
	})
	r := s.between(150, 420)
	s.disc(s.between(300, 3800), s.between(300, 1300), r, r, color.RGBA{252, 236, 170, 255})
	base := s.between(1300, 2000)
	for ridge := range 4 {
		c := s.colour(30, 150)
		layer, cell, height := 10+ridge, s.between(500, 1500), s.between(500, 1500)
		var tops [unit]int
		for u := range tops {
			tops[u] = base + height*s.cloud(layer, u, 0, cell)/255 - height/2
		}
		s.each(func(u, v int) color.RGBA {
			if v < tops[u] {
				return color.RGBA{}
			}
			return shade(c, s.cloud(layer+10, u, v, 500)/2-50-(v-tops[u])/60)
		})
		base += s.between(350, 750)
	}
	for range s.between(8, 20) {
		u, v, size := s.between(0, unit), s.between(2700, unit), s.between(90, 330)
		s.box(u-size/10, v-size, u+size/10, v, color.RGBA{70, 52, 38, 255})
		s.disc(u, v-size*3/2, size/2, size, s.colour(20, 100))
	}
}

func (s *scene) houses() {
	high, low := s.colour(90, 190), s.colour(190, 250)
	s.each(func(u, v int) color.RGBA { return shade(mix(high, low, v, unit), s.cloud(0, u, 2*v, 1200)/4-30) })
	street := s.between(3100, 3500)
	ground := s.colour(60, 140)
	s.inside(0, street, unit, unit, func(u, v int) color.RGBA { return shade(ground, s.cloud(1, u, v, 300)/3-40) })
	for u := -s.between(0, 400); u < unit; {
		w, top := s.between(380, 900), s.between(1000, 2200)
		wall, roof, glass := s.colour(110, 235), s.colour(50, 150), s.colour(20, 110)
		s.box(u, top, u+w, street, wall)
		s.gable(u-40, top-s.between(250, 800), u+w+40, top, roof)
		columns, floors := s.between(2, 4), s.between(2, 5)
		for c := range columns {
			for f := range floors {
				x, y := u+w*(4*c+1)/(4*columns), top+(street-top)*(4*f+1)/(4*floors+2)
				s.box(x, y, x+w/(2*columns), y+(street-top)/(2*floors+1), shade(glass, s.between(0, 80)))
			}
		}
		door := u + s.between(40, w-160)
		s.box(door, street-s.between(260, 400), door+120, street, roof)
		u += w + s.between(0, 160)
	}
	for range s.between(2, 6) {
		u, r := s.between(0, unit), s.between(120, 300)
		s.box(u-20, street-2*r, u+20, street+60, color.RGBA{64, 48, 40, 255})
		s.disc(u, street-2*r, r, r, s.colour(30, 120))
	}
}

func (s *scene) shapes() {
	s.box(0, 0, unit, unit, s.colour(0, 255))
	for range s.between(30, 60) {
		u, v, a, b := s.between(0, unit), s.between(0, unit), s.between(150, 900), s.between(150, 900)
		c := s.colour(0, 255)
		switch s.between(0, 3) {
		case 0:
			s.disc(u, v, a/2, b/2, c)
		case 1:
			s.box(u-a/2, v-b/2, u+a/2, v+b/2, c)
		default:
			s.gable(u-a/2, v-b/2, u+a/2, v+b/2, c)
		}
	}
}

func (s *scene) plasma() {
	cell := s.between(500, 1100)
	stretch := func(n int) byte { return byte(max(0, min(255, (n-128)*5/2+128))) }
	s.each(func(u, v int) color.RGBA {
		return color.RGBA{stretch(s.cloud(0, u, v, cell)), stretch(s.cloud(1, u, v, cell)), stretch(s.cloud(2, u, v, cell)), 255}
	})
}

func (s *scene) page() {
	s.box(0, 0, unit, unit, color.RGBA{248, 247, 242, 255})
	for v := s.between(200, 400); v < unit-250; {
		switch s.between(0, 9) {
		case 0: // a picture
			h := s.between(400, 900)
			u := s.between(300, 1800)
			c := s.colour(60, 220)
			s.inside(u, v, u+s.between(900, 2000), min(v+h, unit-200), func(u, v int) color.RGBA { return shade(c, s.cloud(3, u, v, 300)/2-60) })
			v += h + 100
		case 1: // a heading
			s.box(300, v, s.between(1200, 3000), v+110, color.RGBA{40, 42, 60, 255})
			v += 230
		default:
			for range s.between(3, 9) {
				for u := 300; u < 3700; {
					w := s.between(60, 420)
					s.box(u, v, min(u+w, 3780), v+48, color.RGBA{70, 70, 74, 255})
					u += w + 60
				}
				v += 95
			}
			v += s.between(60, 260)
		}
	}
}
