# SPDX-License-Identifier: GPL-3.0-or-later
# heat: two factors, and how long it takes with each pair of their levels. Draws heat.svg and heat.png from
# heat.csv, which `lockkeeper sweep` and `merge` write with --plots; run it again with `gnuplot heat.gp` in
# that folder. The darker, the longer; each field has its number as well. A share is that of the runs that end
# within the window, where not all do.

set encoding utf8
set datafile separator ','
data = 'heat.csv'
NUMBERS_MOST = 24

grey = 0x555555
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
seconds(t) = t < 99.95 ? sprintf('%.1f s', t) : t < 600 ? sprintf('%.0f s', t) : \
    t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)
number(c) = strcol(c) eq 'never' ? NaN : real(strcol(c))
is_known(x) = x == x

columns = 0
rows = 0
most_s = 0
least_s = 1e300
longest = 4
x_name = ''
y_name = ''
tally(x, y, xn, yn, level, t) = (columns = x + 1 > columns ? x + 1 : columns, \
    rows = y + 1 > rows ? y + 1 : rows, x_name = xn, y_name = yn, \
    longest = strlen(level) > longest ? strlen(level) : longest, \
    is_known(t) && t > most_s ? (most_s = t) : 0, is_known(t) && t < least_s ? (least_s = t) : 0, 0)
set table $NOTHING
plot data skip 1 using (tally(int($1), int($2), strcol(3), strcol(4), strcol(6), number(7))) with table
unset table

numbers = columns <= NUMBERS_MOST
cell_wide = numbers ? 96 : columns < 100 ? 24 : 8
cell_high = numbers ? 46 : 24
level_most = longest < 24 ? longest : 24
left = 40 + 8 * level_most + 20
top = 66
wide = left + columns * cell_wide + 30
title = 'Median time by '.x_name.' and '.y_name
wide_least = 60 + 11 * strlen(title)
wide = wide < wide_least ? wide_least : wide
high = top + rows * cell_high + 64
# From yellow to dark blue; light enough for black numbers up to the middle.
shade(t) = most_s > least_s ? (t - least_s) / (most_s - least_s) : 0
mix(a, b, s) = int(a + (b - a) * s)
colour(t) = !is_known(t) ? 0xBBBBBB : mix(255, 0, shade(t)) * 65536 + mix(245, 50, shade(t)) * 256 + \
    mix(190, 110, shade(t))
ink(t) = is_known(t) && shade(t) > 0.45 ? 0xFFFFFF : 0x000000
share(p) = p > 0.9995 ? '' : sprintf('%.0f %% in time', 100 * p)

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'heat.'.form
    unset key
    unset border
    unset tics
    set style fill solid 1.0 noborder
    set lmargin at screen real(left) / wide
    set rmargin at screen real(left + columns * cell_wide) / wide
    set tmargin at screen 1 - real(top) / high
    set bmargin at screen 64.0 / high
    set xrange [-0.5:columns - 0.5]
    set yrange [rows - 0.5:-0.5]
    set label 1 title at screen 20.0 / wide, screen 1 - 24.0 / high left font ',15'
    set label 2 y_name at screen 20.0 / wide, screen 1 - 50.0 / high left textcolor rgb grey
    set label 3 x_name at screen real(left) / wide, screen 18.0 / high left textcolor rgb grey
    set xtics nomirror scale 0 offset 0, 0.4 textcolor rgb 0x000000
    set ytics nomirror scale 0 textcolor rgb 0x000000
    plot data skip 1 using 1:2:($1 - 0.49):($1 + 0.49):($2 - 0.48):($2 + 0.48):(colour(number(7))): \
            xticlabel(cut(strcol(5), cell_wide / 8)):yticlabel(cut(strcol(6), level_most)) \
            with boxxyerror linecolor rgb variable, \
        '' skip 1 using 1:2:(numbers ? is_known(number(7)) ? seconds(number(7)) : 'never' : ''): \
            (ink(number(7))) with labels center textcolor rgb variable offset 0, 0.35, \
        '' skip 1 using 1:2:(numbers ? share($8) : ''):(ink(number(7))) with labels center \
            textcolor rgb variable offset 0, -0.7
    unset label
    unset output
}
