# SPDX-License-Identifier: GPL-3.0-or-later
# capacity: how many more VMs of each kind fit while hosts can still go. Draws capacity.svg and capacity.png
# from capacity.csv, which `lockkeeper capacity` writes with --plots; run it again with `gnuplot capacity.gp`
# in that folder. The bar is what is proven to fit, the pale part behind it what nothing excludes; the dark
# line is how far the platform's own scheduler comes.

set encoding utf8
set datafile separator ','
data = 'capacity.csv'
ROWS_MOST = 40
MOST = 1000000

grey = 0x555555
blue = 0x0072B2
pale = 0xBFDDF0
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s

rows = 0
most = 1
longest = 4
bound(lower, upper) = upper < MOST ? upper : lower
tally(name, lower, upper) = (rows = rows + 1, \
    most = bound(lower, upper) > most ? bound(lower, upper) : most, \
    longest = strlen(name) > longest ? strlen(name) : longest, rows)
set table $NOTHING
plot data skip 1 using (tally(strcol(1), $2, $3)) with table
unset table

shown = rows < ROWS_MOST ? rows : ROWS_MOST
name_most = longest < 32 ? longest : 32
left = 40 + 8 * name_most
wide = left + 760
high = 64 + 30 * shown + 56
title = rows > shown ? sprintf('How many more fit   the first %d of %d', shown, rows) : 'How many more fit'
number(lower, upper) = upper >= MOST ? sprintf(' %d or more', lower) : \
    lower == upper ? sprintf(' %d', lower) : sprintf(' %d to %d', lower, upper)
said(lower, upper, why) = number(lower, upper).(strlen(why) ? '   '.why : '')

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'capacity.'.form
    unset key
    unset ytics
    set style fill solid 1.0 noborder
    set lmargin at screen real(left) / wide
    set rmargin at screen (wide - 24.0) / wide
    set tmargin at screen 1 - 64.0 / high
    set bmargin at screen 56.0 / high
    set border 1 linecolor rgb grey
    set xrange [0:most * 1.35]
    set yrange [shown - 0.5:-0.5]
    set xtics out nomirror scale 0.5 textcolor rgb grey
    set grid xtics back linecolor rgb 0xDDDDDD linetype 1
    set xlabel 'more of them' textcolor rgb grey
    set label 2 'bar: proven to fit;  pale: perhaps;  line: where the scheduler puts them' \
        at screen (wide - 24.0) / wide, screen 1 - 28.0 / high right textcolor rgb grey
    set label 1 title at screen 20.0 / wide, screen 1 - 28.0 / high left font ',15'
    plot data skip 1 every ::0::shown - 1 using (0):0:(0):(bound($2, $3)):($0 - 0.32):($0 + 0.32) \
            with boxxyerror linecolor rgb pale, \
        '' skip 1 every ::0::shown - 1 using (0):0:(0):2:($0 - 0.32):($0 + 0.32) \
            with boxxyerror linecolor rgb blue, \
        '' skip 1 every ::0::shown - 1 using 4:($0 - 0.4):(0):(0.8) with vectors nohead \
            linecolor rgb 'black' linewidth 1.5, \
        '' skip 1 every ::0::shown - 1 using (bound($2, $3)):0:(said(int($2), int($3), strcol(5))) \
            with labels left, \
        '' skip 1 every ::0::shown - 1 using (0):0:(cut(strcol(1), name_most).' ') with labels right
    unset label
    unset output
}
