# SPDX-License-Identifier: GPL-3.0-or-later
# board: can each host be locked? Draws board.svg and board.png from board.csv, which `lockkeeper check`
# writes with --plots; run it again with `gnuplot board.gp` in that folder. The colours are Okabe and Ito's,
# which the colour-blind can tell apart; each verdict has a symbol as well. Up to ROWS_MOST hosts get a row
# each, more a cell.

set encoding utf8
set datafile separator ','
data = 'board.csv'
ROWS_MOST = 60
NAMES_MOST = 240

words = 'always order-dependent never unknown'
symbols = '✓ ± ✗ ?'
array fill[4] = [0x009E73, 0xF0E442, 0xD55E00, 0xBBBBBB]
array ink[4] = [0xFFFFFF, 0x000000, 0xFFFFFF, 0x000000]
grey = 0x555555
blue = 0x0072B2

kind(w) = w eq 'always' ? 1 : w eq 'order-dependent' ? 2 : w eq 'never' ? 3 : 4
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
seconds(t) = t < 99.95 ? sprintf('%.1f s', t) : t < 600 ? sprintf('%.0f s', t) : \
    t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)
downtime(ms) = ms < 999.5 ? sprintf('%.0f ms', ms) : seconds(ms / 1000)
is_known(x) = x == x
number(c) = strlen(strcol(c)) ? real(strcol(c)) : NaN
moved(c) = number(3) > 0 ? number(c) : NaN

# How many hosts of each verdict, and the longest time.
array count[4] = [0, 0, 0, 0]
hosts = 0
most_s = 0
longest_name = 10
longest_why = 10
tally(name, w, moves, t, why) = (hosts = hosts + 1, k = kind(w), count[k] = count[k] + 1, \
    longest_name = strlen(name) > longest_name ? strlen(name) : longest_name, \
    longest_why = strlen(why) > longest_why ? strlen(why) : longest_why, \
    is_known(t) && moves > 0 && t > most_s ? (most_s = t) : 0, hosts)
set table $NOTHING
plot data skip 1 using (tally(strcol(1), strcol(2), number(3), number(6), strcol(9))) with table
unset table

rows = hosts <= ROWS_MOST
# gnuplot reads whatever was there before in an empty last field: the last column is never empty.
why(text) = text eq '-' ? '' : cut(text, why_most)

unset key
unset border
unset tics
unset colorbox
set style fill solid 1.0 noborder

# Pixels from the top left corner, in both forms.
name_most = longest_name < 26 ? longest_name : 26
name_wide = 9 * name_most + 24
top = 92

# Rows: name, verdict, moves, time, worst downtime, chance to end in the window, what stands in the way.
row_high = 24
row_y(i) = top + 34 + row_high * (i + 0.5)
verdict_x = name_wide
moves_x = verdict_x + 196
time_x = moves_x + 24
time_wide = 260
down_x = time_x + time_wide + 110
window_x = down_x + 84
why_x = window_x + 24
why_most = longest_why < 110 ? longest_why : 110

# Cells: as wide as a name, or as a symbol, or as a dot.
named = hosts <= NAMES_MOST
cell_wide = named ? 24 + 8 * (name_most < 20 ? name_most : 20) : hosts <= 6000 ? 24 : 10
cell_high = named ? 42 : cell_wide
columns = named ? 1160 / cell_wide : hosts <= 2500 ? 50 : 1200 / cell_wide
index_wide = named ? 20 : name_wide
cell_column(i) = int(i) % columns
cell_line(i) = int(i) / columns
# Where a symbol has no room, a verdict is told by the cell's size, and `never` by a dark middle.
tiny = hosts > 6000
array size[4] = [1, 0.55, 1, 0.3]
half(w) = (cell_wide / 2.0 - 1) * (tiny ? size[kind(w)] : 1)
half_high(w) = (cell_high / 2.0 - 1) * (tiny ? size[kind(w)] : 1)
labelled(i) = !named && int(i) % columns == 0 && (!tiny || cell_line(i) % 2 == 0)
cell_x(i) = index_wide + cell_wide * (cell_column(i) + 0.5)
cell_y(i) = top + cell_high * (cell_line(i) + 0.5)

wide = hosts == 0 ? 800 : rows ? why_x + 7 * why_most + 20 : index_wide + columns * cell_wide + 20
high = hosts == 0 ? 140 : rows ? top + 34 + row_high * hosts + 52 : \
    top + cell_high * (cell_line(hosts - 1) + 1) + 24

axis_unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
axis_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
axis_most = most_s > 0 ? most_s / axis_s : 1.0

title = hosts == 0 ? 'No host was checked' : hosts == 1 ? 'Can the host be locked?' : \
    sprintf('Can each host be locked?   %d hosts', hosts)
marks = '■ ▪ ▣ ·'
legend(k) = sprintf('%s %s: %d', word(hosts > 6000 ? marks : symbols, k), word(words, k), count[k])
verdict(w) = word(symbols, kind(w)).' '.(strlen(w) ? w : 'unknown')
shown_downtime(moves, c) = number(moves) > 0 && strlen(strcol(c)) ? downtime(number(c)) : dash
percent(p) = p > 0.995 && p < 1 ? '> 99 %' : sprintf('%.0f %%', 100 * p)
dash = '–'

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'board.'.form
    set multiplot
    set lmargin at screen 0
    set rmargin at screen 1
    set tmargin at screen 1
    set bmargin at screen 0
    set xrange [0:wide]
    set yrange [high:0]
    unset xtics
    unset grid
    set label 1 title at 20, 26 left font ',15'
    do for [k = 1:4] {
        set object k rectangle from 20 + 190 * (k - 1), 46 to 20 + 190 * (k - 1) + 180, 72 \
            fillcolor rgb fill[k] fillstyle solid 1.0 noborder
        set label 1 + k legend(k) at 110 + 190 * (k - 1), 59 center textcolor rgb ink[k]
    }
    if (hosts == 0) {
        plot NaN
    }
    if (rows && hosts > 0) {
        set label 10 'host' at 20, top + 16 left textcolor rgb grey
        set label 11 'lock' at verdict_x, top + 16 left textcolor rgb grey
        set label 12 'moves' at moves_x, top + 16 right textcolor rgb grey
        set label 13 'time (line: p10 to p90)' at time_x, top + 16 left textcolor rgb grey
        set label 14 'worst downtime' at down_x, top + 16 right textcolor rgb grey
        set label 15 'in window' at window_x, top + 16 right textcolor rgb grey
        set label 16 'in the way' at why_x, top + 16 left textcolor rgb grey
        plot data skip 1 using (0):(row_y($0)):(0):(wide):(row_y($0) - 12):(row_y($0) + 12): \
                (int($0) % 2 ? 0xFFFFFF : 0xF3F3F3) with boxxyerror linecolor rgb variable, \
            '' skip 1 using (0):(row_y($0)):(verdict_x):(verdict_x + 150):(row_y($0) - 10):(row_y($0) + 10): \
                (fill[kind(strcol(2))]) with boxxyerror linecolor rgb variable, \
            '' skip 1 using (verdict_x + 75):(row_y($0)):(verdict(strcol(2))):(ink[kind(strcol(2))]) \
                with labels center textcolor rgb variable, \
            '' skip 1 using (20):(row_y($0)):(cut(strcol(1), 26)) with labels left, \
            '' skip 1 using (moves_x):(row_y($0)):(strcol(3)) with labels right, \
            '' skip 1 using (down_x):(row_y($0)):(shown_downtime(3, 7)) \
                with labels right, \
            '' skip 1 using (window_x):(row_y($0)):(strlen(strcol(8)) ? percent(number(8)) : dash) \
                with labels right, \
            '' skip 1 using (why_x):(row_y($0)):(why(strcol(9))) with labels left textcolor rgb grey
        unset label
        unset object
    }
    # gnuplot crashes on bars that are all unknown.
    if (rows && most_s > 0) {
        set lmargin at screen real(time_x) / wide
        set rmargin at screen real(time_x + time_wide) / wide
        set tmargin at screen 1 - (top + 34.0) / high
        set bmargin at screen 52.0 / high
        set xrange [0:axis_most * 1.4]
        set yrange [hosts - 0.5:-0.5]
        set xtics nomirror scale 0.5 textcolor rgb grey
        set grid xtics back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time to lock, '.axis_unit textcolor rgb grey
        plot data skip 1 using (0):0:(0):(moved(5) / axis_s):($0 - 0.22):($0 + 0.22) \
                with boxxyerror linecolor rgb blue, \
            '' skip 1 using (moved(5) / axis_s):0:(moved(4) / axis_s):(moved(6) / axis_s) \
                with xerrorbars linecolor rgb 'black' pointtype 0 linewidth 1, \
            '' skip 1 using (moved(6) / axis_s):0:('  '.seconds(number(5))) with labels left
        unset xlabel
    }
    if (!rows) {
        plot data skip 1 using (0):(0):(cell_x($0) - half(strcol(2))): \
                (cell_x($0) + half(strcol(2))):(cell_y($0) - half_high(strcol(2))): \
                (cell_y($0) + half_high(strcol(2))):(fill[kind(strcol(2))]) \
                with boxxyerror linecolor rgb variable, \
            '' skip 1 using (cell_x($0)):(cell_y($0)):(cell_x($0) - 2):(cell_x($0) + 2): \
                (tiny && kind(strcol(2)) == 3 ? cell_y($0) - 2 : cell_y($0)): \
                (tiny && kind(strcol(2)) == 3 ? cell_y($0) + 2 : cell_y($0)) \
                with boxxyerror linecolor rgb tiny ? 0x000000 : 0xFFFFFF, \
            '' skip 1 using (cell_x($0)):(cell_y($0) + (named ? -9 : 0)): \
                (named ? cut(strcol(1), 20) : !tiny ? word(symbols, kind(strcol(2))) : ''): \
                (ink[kind(strcol(2))]) with labels center textcolor rgb variable, \
            '' skip 1 using (cell_x($0)):(cell_y($0) + 10):(named ? word(symbols, kind(strcol(2))).'  '. \
                (strlen(strcol(5)) && number(3) > 0 ? seconds(number(5)) : '') : ''): \
                (ink[kind(strcol(2))]) with labels center textcolor rgb variable, \
            '' skip 1 using (20):(cell_y($0)):(labelled($0) ? cut(strcol(1), 26) : '') \
                with labels left textcolor rgb grey
    }
    unset label
    unset object
    unset multiplot
    unset output
}
